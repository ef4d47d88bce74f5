use super::*;
use crate::http::HttpResponse;
use baton_domain::Content;
use baton_domain::{Fingerprint, Place, Rejection, Timestamp};
use baton_hub::api::ApiError;
use baton_platforms::convert::{NotConvertible, Target, convert};
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn answered(problem: impl Into<Problem>) -> (HttpResponse, Value) {
    let response = problem
        .into()
        .response(Some("https://hub.example.com"), "/v1/conversations/x");
    assert_eq!(
        response.headers.get("content-type").map(String::as_str),
        Some(PROBLEM_JSON)
    );
    let document = serde_json::from_str(&response.body).expect("JSON");
    (response, document)
}

/// Every way a use case can fail.
fn failures() -> Vec<(ApiError, u16, &'static str)> {
    let holder = || Holder::Queue(Some("inbox_1".to_owned()));
    let rejected = |rejection, status, name| (ApiError::Rejected(rejection), status, name);
    let limits = convert(&Content::text(" "), Target::Gladly).expect_err("blank");
    let none = NotConvertible::NoCounterpart {
        kind: "template",
        target: Target::Gladly,
        what_to_do: "send text",
    };
    vec![
        (ApiError::Unauthorized, 401, "unauthorized"),
        (ApiError::Forbidden, 403, "forbidden"),
        (ApiError::NotFound, 404, "not-found"),
        (ApiError::Content(limits), 422, "content-limits"),
        (ApiError::Content(none), 422, "content-not-possible"),
        (
            ApiError::Invalid {
                field: "after",
                problem: "no cursor".to_owned(),
            },
            400,
            "invalid-field",
        ),
        (ApiError::TooLarge, 413, "too-large"),
        (ApiError::Unavailable, 503, "unavailable"),
        rejected(Rejection::KeyReused, 422, "idempotency-key-reused"),
        rejected(Rejection::NoConversation, 404, "not-found"),
        rejected(Rejection::Closed(CloseReason::Abandoned), 409, "closed"),
        rejected(
            Rejection::StaleEpoch {
                holder: holder(),
                epoch: 4,
            },
            409,
            "stale-epoch",
        ),
        rejected(
            Rejection::NotHolder {
                holder: holder(),
                epoch: 4,
            },
            409,
            "not-holder",
        ),
        rejected(
            Rejection::ControlPending {
                holder: holder(),
                epoch: 4,
            },
            409,
            "control-pending",
        ),
        rejected(Rejection::NoDesk, 409, "no-desk"),
        rejected(Rejection::Unsupported("not there"), 422, "unsupported"),
        rejected(Rejection::OutboxFull(20), 429, "outbox-full"),
        rejected(Rejection::Claimed(Timestamp(0)), 409, "claimed"),
        rejected(Rejection::Erased, 409, "erased"),
        rejected(Rejection::TooOld, 500, "internal"),
        rejected(Rejection::KeyUnsure, 500, "internal"),
        rejected(Rejection::Repeated(Place(1, 0)), 500, "internal"),
        rejected(
            Rejection::EventsUnsure(vec![Fingerprint([0; 8])]),
            500,
            "internal",
        ),
    ]
}

#[test]
fn every_failure_is_a_document_whose_type_has_a_page() {
    for (failure, status, name) in failures() {
        let (response, document) = answered(failure);
        assert_eq!(
            (response.status, &document["status"]),
            (status, &json!(status)),
            "{name}"
        );
        assert_eq!(
            document["type"],
            format!("https://hub.example.com/problems/{name}")
        );
        assert_eq!(document["instance"], "/v1/conversations/x");
        assert!(
            document["detail"]
                .as_str()
                .is_some_and(|detail| detail.len() > 5),
            "{name}"
        );
        assert_eq!(
            response.headers.contains_key("retry-after"),
            matches!(name, "outbox-full" | "unavailable" | "claimed")
        );
        assert!(pages::page(name, None).is_some());
    }
}

#[test]
fn every_kind_has_a_page_of_its_own() {
    let names: BTreeSet<&str> = Kind::ALL.iter().map(|kind| kind.page().name).collect();
    assert_eq!(names.len(), Kind::ALL.len());
    for kind in Kind::ALL {
        assert_eq!(Kind::named(kind.page().name), Some(kind));
        let html = pages::page(kind.page().name, Some("text/html,*/*")).expect("a page");
        assert_eq!(html.status, 200);
        assert!(
            html.headers
                .get("content-type")
                .is_some_and(|it| it.starts_with("text/html"))
        );
        assert!(html.body.contains(kind.page().name) && !html.body.contains('`'));
        let markdown = pages::page(kind.page().name, Some("text/markdown")).expect("a page");
        assert!(markdown.body.starts_with("# ") && markdown.body.contains("## What to do"));
    }
    assert!(pages::page("no-such-problem", None).is_none());
    assert!(pages::page("", None).is_none());
}

#[test]
fn a_conflict_says_who_holds() {
    let holder = Holder::Agent("agent_1".to_owned());
    let (_, document) = answered(Rejection::StaleEpoch { holder, epoch: 4 });
    assert_eq!(
        document["holder"],
        json!({"kind": "agent", "id": "agent_1"})
    );
    assert_eq!(document["epoch"], 4);
    let (_, document) = answered(Rejection::Closed(CloseReason::Abandoned));
    assert_eq!(document["reason"], "abandoned");
    assert!(document.get("holder").is_none());
}

#[test]
fn all_broken_limits_are_listed_in_the_apis_words() {
    let items = (0..11)
        .map(|_| baton_domain::MenuItem {
            id: "a".to_owned(),
            label: String::new(),
        })
        .collect();
    let menu = Content::Menu {
        prompt: String::new(),
        items,
    };
    let error = convert(&menu, Target::Gladly).expect_err("it breaks limits");
    let (_, document) = answered(ApiError::Content(error));
    let fields: Vec<&str> = document["errors"]
        .as_array()
        .expect("errors")
        .iter()
        .filter_map(|error| error["field"].as_str())
        .collect();
    assert!(fields.len() > 11, "{fields:?}");
    assert!(
        fields.contains(&"content.prompt") && fields.contains(&"content.items[10].label"),
        "{fields:?}"
    );
    assert_eq!(document["errors"][0]["problem"], "is blank: ask a question");
}

#[test]
fn a_missing_token_is_asked_for_and_paths_are_references_or_left_out() {
    let (response, _) = answered(ApiError::Unauthorized);
    assert_eq!(
        response.headers.get("www-authenticate").map(String::as_str),
        Some("Bearer realm=\"baton\"")
    );
    let document = Problem::internal().document(None, "/a b");
    assert_eq!(
        (document.r#type.as_str(), document.instance),
        ("/problems/internal", None)
    );
    assert_eq!(Problem::internal().document(None, "//evil").instance, None);
}
