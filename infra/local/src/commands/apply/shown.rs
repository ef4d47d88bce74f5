//! The plan, for people.

use baton_hub::config::{How, Plan};

/// The plan, for people. Of a secret only that it changes.
pub(super) fn shown(plan: &Plan, title: &str) -> String {
    if plan.is_empty() {
        return format!("{title}: nothing to change\n");
    }
    let mut text = format!("{title}:\n");
    for item in &plan.items {
        let sign = match item.how {
            How::New => '+',
            How::Changed => '~',
            How::Gone => '-',
        };
        let name = match item.id.is_empty() {
            true => item.kind.to_owned(),
            false => format!("{} {}", item.kind, item.id),
        };
        text += &format!("  {sign} {name} ({})\n", item.how.as_str());
        for field in &item.fields {
            text += &match &field.values {
                Some((was, becomes)) => format!("      {}: {was} -> {becomes}\n", field.name),
                None => format!("      {}: changed\n", field.name),
            };
        }
        if item.how == How::Gone && item.kind == "connection" {
            text += "      its conversations go on by themselves, without bot and timers\n";
        }
    }
    if plan.items.is_empty() {
        text += "  ~ the secrets are written again\n";
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use baton_hub::config::{Field, Item, Written};

    #[test]
    fn a_plan_shows_fields_and_no_secret() {
        let item = |how, fields| Item {
            kind: "connection",
            id: "shop".to_owned(),
            how,
            fields,
        };
        let fields = vec![
            Field {
                name: "timers.bot_owes".to_owned(),
                values: Some(("60s".to_owned(), "45s".to_owned())),
            },
            Field {
                name: "secrets.api_token".to_owned(),
                values: None,
            },
        ];
        let plan = Plan {
            items: vec![item(How::Changed, fields), item(How::Gone, Vec::new())],
            written: Some(Written {
                secrets: None,
                document: "{}".to_owned(),
            }),
        };
        let text = shown(&plan, "the stack shop");
        assert!(text.contains("~ connection shop (changed)"), "{text}");
        assert!(text.contains("timers.bot_owes: 60s -> 45s"), "{text}");
        assert!(text.contains("secrets.api_token: changed"), "{text}");
        assert!(text.contains("- connection shop (gone)"), "{text}");
        assert!(shown(&Plan::default(), "x").contains("nothing to change"));
    }
}
