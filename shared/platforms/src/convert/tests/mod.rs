mod media;
mod menus;

use super::*;
use baton_domain::MediaKind;
use proptest::prelude::*;
use serde_json::json;

fn html(html: &str) -> Content {
    Content::Html {
        html: html.to_owned(),
    }
}

fn menu(prompt: &str, labels: &[&str]) -> Content {
    let item = |(index, label): (usize, &&str)| MenuItem {
        id: format!("choice-{}", index + 1),
        label: (*label).to_owned(),
    };
    let items = labels.iter().enumerate().map(item).collect();
    Content::Menu {
        prompt: prompt.to_owned(),
        items,
    }
}

fn template(name: &str) -> Content {
    let parameters = vec!["A-17".to_owned()];
    Content::Template {
        name: name.to_owned(),
        language: "en".to_owned(),
        parameters,
    }
}

/// The contents of all messages that come out, each of the only form.
fn contents(content: &Content, target: Target) -> Vec<Content> {
    let messages = convert(content, target).unwrap();
    let plain = |message: Rendered| {
        assert_eq!(message.form, Form::Plain);
        message.content
    };
    messages.into_iter().map(plain).collect()
}

/// The form of the one message that comes out.
fn form(content: &Content, target: Target) -> Form {
    let [message] = <[Rendered; 1]>::try_from(convert(content, target).unwrap()).unwrap();
    if !matches!(message.form, Form::NumberedText { .. }) {
        assert_eq!(message.content, *content);
    }
    message.form
}

fn broken(content: &Content, target: Target) -> Vec<String> {
    match convert(content, target) {
        Err(NotConvertible::Limits(broken)) => broken.into_iter().map(|it| it.field).collect(),
        other => panic!("no limit broken: {other:?}"),
    }
}

fn no_counterpart(content: &Content, target: Target) -> bool {
    matches!(
        convert(content, target),
        Err(NotConvertible::NoCounterpart { .. })
    )
}

#[test]
fn text_is_itself_everywhere() {
    for (target, limit) in Target::ALL.into_iter().zip([2_048, 2_000, 4_096, 4_096]) {
        let text = Content::text("*Hi* 😀\n<3 & more");
        assert_eq!(contents(&text, target), std::slice::from_ref(&text));
        assert_eq!(
            contents(&Content::text("😀".repeat(limit)), target).len(),
            1
        );
        assert_eq!(
            broken(&Content::text("😀".repeat(limit + 1)), target).len(),
            1,
            "{target}"
        );
        assert_eq!(broken(&Content::text("  "), target).len(), 1);
    }
}

#[test]
fn html_on_gladly_is_itself() {
    let markup = html("<p>See <b>this</b></p>");
    assert_eq!(
        contents(&markup, Target::Gladly),
        std::slice::from_ref(&markup)
    );
    assert_eq!(
        broken(&html(&"x".repeat(2_049)), Target::Gladly),
        ["content.value"]
    );
}

#[test]
fn html_on_messenger_and_landbot_is_plain_text() {
    let markup = html("<p>See <b>this</b>: <a href='https://a.example/x'>page</a> &amp; 😀</p>");
    let text = Content::text("See this: page (https://a.example/x) & 😀");
    assert_eq!(
        contents(&markup, Target::Messenger),
        std::slice::from_ref(&text)
    );
    assert_eq!(contents(&markup, Target::Landbot), [text]);
    assert_eq!(broken(&html("<p></p>"), Target::Messenger), ["html"]);
}

#[test]
fn html_on_whatsapp_is_its_markup() {
    let markup = html("<p>See <b>this</b>, <i>now</i> 😀</p>");
    assert_eq!(
        contents(&markup, Target::Whatsapp),
        [Content::text("See *this*, _now_ 😀")]
    );
    let long = html(&format!("<b>{}</b>", "x".repeat(4_095)));
    assert_eq!(broken(&long, Target::Whatsapp), ["html"]);
}

#[test]
fn templates_exist_on_whatsapp_and_by_number_on_landbot() {
    let welcome = template("welcome");
    assert_eq!(
        contents(&welcome, Target::Whatsapp),
        std::slice::from_ref(&welcome)
    );
    assert_eq!(contents(&template("17"), Target::Landbot), [template("17")]);
    for target in [Target::Gladly, Target::Messenger, Target::Landbot] {
        assert!(no_counterpart(&welcome, target));
    }
}

#[test]
fn native_content_stays_on_its_platform() {
    for from in Target::ALL {
        let native = Content::Native {
            platform: from.as_str().to_owned(),
            body: json!({"any": "thing"}),
        };
        for to in Target::ALL {
            assert_eq!(convert(&native, to).is_ok(), from == to);
            assert_eq!(no_counterpart(&native, to), from != to);
        }
    }
}

#[test]
fn errors_say_what_to_do() {
    let error = convert(&template("welcome"), Target::Gladly).unwrap_err();
    let told = "a template message cannot be sent on gladly: \
                send the text itself: only WhatsApp has approved templates";
    assert_eq!(error.to_string(), told);
    let error = convert(&Content::text("x".repeat(2_001)), Target::Messenger).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("split it into several messages")
    );
}

fn any_content() -> impl Strategy<Value = Content> {
    let label = "[a-z😀 ]{0,30}";
    let item = ("[a-z0-9_ -]{0,12}", label).prop_map(|(id, label)| MenuItem { id, label });
    prop_oneof![
        any::<String>().prop_map(Content::text),
        "(<b>|</b>|<p>|<a href='https://a.example'>|</a>|<li>|&lt;|x|😀| ){0,30}"
            .prop_map(|it| html(&it)),
        ("[a-z? ]{0,60}", prop::collection::vec(item, 0..16))
            .prop_map(|(prompt, items)| Content::Menu { prompt, items }),
        (
            "(https://|http://|)[a-z.]{0,9}",
            prop::option::of(label),
            prop::option::of(label)
        )
            .prop_map(|(url, caption, filename)| Content::Media {
                media: MediaKind::Audio,
                url,
                caption,
                filename
            }),
        (any::<f64>(), any::<f64>(), prop::option::of(label)).prop_map(
            |(latitude, longitude, name)| Content::Location {
                latitude,
                longitude,
                name,
                address: None
            }
        ),
    ]
}

proptest! {
    #[test]
    fn conversion_keeps_the_limits_and_never_panics(content in any_content()) {
        let _ = plain_text(&content);
        for (target, limit) in Target::ALL.into_iter().zip([2_048, 2_000, 4_096, 4_096]) {
            let Ok(messages) = convert(&content, target) else { continue };
            prop_assert!(!messages.is_empty());
            for message in messages {
                if let Content::Text { text } = &message.content {
                    prop_assert!((1..=limit).contains(&text.chars().count()));
                }
                if target == Target::Gladly {
                    let sent = crate::gladly::outbound::send_message("s", &message.content);
                    prop_assert!(sent.is_ok() && crate::gladly::limits::check(&message.content).is_ok());
                } else {
                    let is_html = matches!(message.content, Content::Html { .. });
                    prop_assert!(!is_html);
                }
            }
        }
    }
}
