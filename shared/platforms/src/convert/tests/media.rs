//! Media and places, on each platform.

use super::*;

fn media(media: MediaKind, caption: Option<&str>, filename: Option<&str>) -> Content {
    Content::Media {
        media,
        url: "https://files.example/a?b=1&c=2".to_owned(),
        caption: caption.map(str::to_owned),
        filename: filename.map(str::to_owned),
    }
}

fn place(name: Option<&str>, address: Option<&str>) -> Content {
    let (name, address) = (name.map(str::to_owned), address.map(str::to_owned));
    Content::Location {
        latitude: 52.5,
        longitude: 13.4,
        name,
        address,
    }
}

const MAP: &str = "https://www.openstreetmap.org/?mlat=52.5&mlon=13.4#map=16/52.5/13.4";

#[test]
fn media_on_gladly_are_links() {
    let on = |content: Content| contents(&content, Target::Gladly);
    let url = "https://files.example/a?b=1&amp;c=2";
    assert_eq!(
        on(media(
            MediaKind::File,
            Some("Your <invoice>"),
            Some("a.pdf")
        )),
        [html(&format!(
            "Your &lt;invoice&gt;<br><a href=\"{url}\">a.pdf</a>"
        ))]
    );
    let captioned = html(&format!("<a href=\"{url}\">A shoe</a>"));
    assert_eq!(
        on(media(MediaKind::Image, Some("A shoe"), None)),
        [captioned]
    );
    let bare = html(&format!("<a href=\"{url}\">{url}</a>"));
    assert_eq!(on(media(MediaKind::Video, None, None)), [bare]);
}

#[test]
fn media_on_messenger_are_attachments_before_their_caption() {
    let kinds = [
        MediaKind::Image,
        MediaKind::Video,
        MediaKind::Audio,
        MediaKind::File,
    ];
    for kind in kinds {
        let both = [media(kind, None, None), Content::text("A shoe")];
        assert_eq!(
            contents(&media(kind, Some("A shoe"), None), Target::Messenger),
            both
        );
        let alone = contents(&media(kind, Some(" "), None), Target::Messenger);
        assert_eq!(alone, [media(kind, None, None)]);
    }
}

#[test]
fn media_on_whatsapp_keep_their_caption_but_sounds() {
    let on = |content: &Content| contents(content, Target::Whatsapp);
    for kind in [MediaKind::Image, MediaKind::Video, MediaKind::File] {
        let captioned = media(kind, Some("A shoe"), Some("a"));
        assert_eq!(on(&captioned), std::slice::from_ref(&captioned));
        let long = media(kind, Some(&"x".repeat(1_025)), None);
        assert_eq!(broken(&long, Target::Whatsapp), ["caption"]);
    }
    let sound = media(MediaKind::Audio, Some("Listen"), None);
    assert_eq!(
        on(&sound),
        [media(MediaKind::Audio, None, None), Content::text("Listen")]
    );
}

#[test]
fn media_on_landbot_are_images_or_links() {
    let image = media(MediaKind::Image, Some("A shoe"), None);
    assert_eq!(
        contents(&image, Target::Landbot),
        std::slice::from_ref(&image)
    );
    let text = Content::text("Invoice\na.pdf\nhttps://files.example/a?b=1&c=2");
    for kind in [MediaKind::Video, MediaKind::Audio, MediaKind::File] {
        let file = media(kind, Some("Invoice"), Some("a.pdf"));
        assert_eq!(
            contents(&file, Target::Landbot),
            std::slice::from_ref(&text)
        );
    }
}

#[test]
fn media_must_be_fetchable() {
    for url in [
        "http://a.example/x",
        "https://",
        "https:///x",
        "file:///etc/x",
        "https://a b",
        "",
    ] {
        let content = Content::Media {
            media: MediaKind::Image,
            url: url.to_owned(),
            caption: None,
            filename: None,
        };
        for target in Target::ALL {
            assert_eq!(broken(&content, target), ["url"], "{url}");
        }
    }
}

#[test]
fn a_location_on_each_platform() {
    let shop = place(Some("Shop"), Some("Main St 1"));
    let map = MAP.replace('&', "&amp;");
    let on_gladly = html(&format!("<a href=\"{map}\">Shop<br>Main St 1</a>"));
    assert_eq!(contents(&shop, Target::Gladly), [on_gladly]);
    let unnamed = html(&format!("<a href=\"{map}\">52.5, 13.4</a>"));
    assert_eq!(contents(&place(None, None), Target::Gladly), [unnamed]);

    let on_messenger = Content::text(format!("Shop\nMain St 1\n{MAP}"));
    assert_eq!(contents(&shop, Target::Messenger), [on_messenger]);
    assert_eq!(
        contents(&shop, Target::Whatsapp),
        std::slice::from_ref(&shop)
    );
    let bare = place(None, None);
    let on_landbot = [Content::text("Shop\nMain St 1"), bare.clone()];
    assert_eq!(contents(&shop, Target::Landbot), on_landbot);
    assert_eq!(contents(&bare, Target::Landbot), [bare]);

    let nowhere = Content::Location {
        latitude: 91.0,
        longitude: f64::NAN,
        name: None,
        address: None,
    };
    assert_eq!(
        broken(&nowhere, Target::Whatsapp),
        ["latitude", "longitude"]
    );
}
