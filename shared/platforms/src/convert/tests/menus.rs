//! Menus, on each platform.

use super::*;

#[test]
fn a_menu_on_gladly_is_a_menu_or_numbered_text() {
    assert_eq!(
        form(&menu("Sure?", &["Yes", "No"]), Target::Gladly),
        Form::Plain
    );
    let long = menu(&"?".repeat(51), &["Yes", "No"]);
    assert!(matches!(
        form(&long, Target::Gladly),
        Form::NumberedText { .. }
    ));
    let eleven = menu("Which?", &["x"; 11]);
    assert!(matches!(
        form(&eleven, Target::Gladly),
        Form::NumberedText { .. }
    ));
}

#[test]
fn a_menu_on_messenger_takes_the_first_form_that_fits() {
    let on = |menu: &Content| form(menu, Target::Messenger);
    assert_eq!(on(&menu("Sure?", &["Yes", "No", "Later"])), Form::Buttons);
    assert_eq!(
        on(&menu("Which?", &["a", "b", "c", "d"])),
        Form::QuickReplies
    );
    assert_eq!(on(&menu("Which?", &["x"; 13])), Form::QuickReplies);
    assert_eq!(on(&menu(&"?".repeat(641), &["Yes"])), Form::QuickReplies);
    assert!(matches!(
        on(&menu("Which?", &["x"; 14])),
        Form::NumberedText { .. }
    ));
    assert!(matches!(
        on(&menu("Which?", &[&"x".repeat(21)])),
        Form::NumberedText { .. }
    ));
    assert_eq!(
        broken(
            &menu(&"?".repeat(2_000), &[&"x".repeat(21)]),
            Target::Messenger
        )
        .len(),
        1
    );
}

#[test]
fn a_menu_on_whatsapp_takes_the_first_form_that_fits() {
    let on = |menu: &Content| form(menu, Target::Whatsapp);
    assert_eq!(on(&menu("Sure?", &["Yes", "No", "Later"])), Form::Buttons);
    assert!(matches!(
        on(&menu("Which?", &["a", "b", "c", "d"])),
        Form::List { .. }
    ));
    assert!(matches!(on(&menu("Which?", &["x"; 10])), Form::List { .. }));
    // Buttons need labels that differ and at most 20 characters, a list 24.
    assert!(matches!(
        on(&menu("Which?", &["same", "same"])),
        Form::List { .. }
    ));
    assert!(matches!(
        on(&menu("Which?", &[&"x".repeat(24)])),
        Form::List { .. }
    ));
    assert!(matches!(
        on(&menu("Which?", &["x"; 11])),
        Form::NumberedText { .. }
    ));
    assert!(matches!(
        on(&menu("Which?", &[&"x".repeat(25)])),
        Form::NumberedText { .. }
    ));
    assert!(matches!(
        on(&menu(&"?".repeat(1_025), &["x"])),
        Form::NumberedText { .. }
    ));
    let Form::List { button } = on(&menu("?", &["a", "b", "c", "d"])) else {
        panic!("no list")
    };
    assert!((1..=20).contains(&button.chars().count()));
}

#[test]
fn a_menu_on_landbot_is_numbered_text() {
    let asked = menu("Which? 😀", &["Blue", "Red"]);
    let [message] = <[Rendered; 1]>::try_from(convert(&asked, Target::Landbot).unwrap()).unwrap();
    assert_eq!(message.content, Content::text("Which? 😀\n1. Blue\n2. Red"));
    let Content::Menu { items, .. } = asked else {
        unreachable!()
    };
    assert_eq!(message.form, Form::NumberedText { items });
}

#[test]
fn a_senseless_menu_is_refused_everywhere() {
    let item = |id: &str, label: &str| MenuItem {
        id: id.to_owned(),
        label: label.to_owned(),
    };
    let items = vec![item("a", ""), item("", "x"), item("b", "y"), item("b", "z")];
    for target in Target::ALL {
        let senseless = Content::Menu {
            prompt: " ".to_owned(),
            items: items.clone(),
        };
        let fields = ["prompt", "items[0].label", "items[1].id", "items"];
        assert_eq!(broken(&senseless, target), fields);
        assert_eq!(broken(&menu("?", &[]), target), ["items"]);
    }
}
