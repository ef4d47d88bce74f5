//! The description of the Baton API: OpenAPI 3.1, from the types and routes themselves.
//! Only the function `connections` serves it, and so only that one links it.

use super::{configuring, connections, control, conversations, messages};
use crate::problem::{FieldError, Kind, PROBLEM_JSON, ProblemDocument};
use std::collections::{BTreeMap, BTreeSet};
use utoipa::openapi::path::Parameter;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{
    Content, Header, HeaderBuilder, Object, OpenApi as Description, Ref, RefOr, Response,
    ResponseBuilder, Schema, Server, Type,
};
use utoipa::{IntoResponses, Modify, OpenApi};

/// The name of the security scheme.
const TOKEN: &str = "token";

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Baton API",
        description = "Who holds a conversation, what was said in it, and what happens next.\n\n\
            Every call but those tagged `hub` needs `authorization: Bearer <token>`. A token has a role: `bot` and `agent` \
            speak and move control, `admin` moves control and erases, `reader` reads. Checked in this order: the token (401), its role \
            (403), the request (400, 413), whether the thing exists and the token may touch it (404), then the state of \
            things (409, 422, 429). Unknown ids and those of others look the same.\n\n\
            Errors are problem documents (RFC 9457); each `type` is a page that explains it. Requests are read strictly: \
            an unknown field is an error that names it. Delivery to platforms, bots and hooks is at least once, with stable ids.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    paths(
        messages::send,
        messages::typing,
        messages::list,
        control::handoff,
        control::close,
        control::control,
        control::erase,
        conversations::one,
        conversations::list,
        conversations::events,
        connections::list,
        connections::one,
        configuring::settings,
        configuring::change,
        configuring::remove,
        configuring::changes,
        connections::health,
        connections::problem,
        connections::openapi,
    ),
    components(schemas(ProblemDocument, FieldError)),
    tags(
        (name = "conversations", description = "Who holds, and what happened"),
        (name = "messages", description = "What is said"),
        (name = "control", description = "Who may speak next"),
        (name = "connections", description = "Where customers write to"),
        (name = "hub", description = "The hub itself, without a token"),
    ),
    security(("token" = [])),
    modifiers(&Token, &Replayed, &Prose, &Composed),
)]
struct BatonApi;

/// The description; with the hub's own address where it is known.
#[must_use]
pub fn description(public_url: Option<&str>) -> Description {
    let mut description = BatonApi::openapi();
    description.servers = public_url.map(|url| vec![Server::new(url)]);
    description
}

/// The methods that a path is called with, in upper case; none for a path that is none of
/// the API's.
#[must_use]
pub fn methods(path: &str) -> Vec<String> {
    let described = BatonApi::openapi();
    let item = described
        .paths
        .paths
        .iter()
        .find(|(template, _)| fits(template, path))
        .map(|(_, item)| item);
    [
        ("GET", item.and_then(|item| item.get.as_ref())),
        ("POST", item.and_then(|item| item.post.as_ref())),
        ("PUT", item.and_then(|item| item.put.as_ref())),
        ("DELETE", item.and_then(|item| item.delete.as_ref())),
    ]
    .into_iter()
    .filter_map(|(method, operation)| operation.map(|_| method.to_owned()))
    .collect()
}

/// Whether a path is one of this template's, such as `/v1/connections/{id}`.
fn fits(template: &str, path: &str) -> bool {
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return true,
            (Some(name), Some(part)) if name == part => {}
            (Some(name), Some(part)) if name.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

/// How callers prove who they are.
struct Token;

impl Modify for Token {
    fn modify(&self, openapi: &mut Description) {
        let mut bearer = Http::new(HttpAuthScheme::Bearer);
        bearer.description = Some("A token of the hub, made by its operator".to_owned());
        let components = openapi.components.get_or_insert_default();
        components.add_security_scheme(TOKEN, SecurityScheme::Http(bearer));
    }
}

/// The header that marks the answer to a repeated call.
struct Replayed;

impl Modify for Replayed {
    fn modify(&self, openapi: &mut Description) {
        for item in openapi.paths.paths.values_mut() {
            let Some(operation) = &mut item.post else {
                continue;
            };
            let is_key = |parameter: &RefOr<Parameter>| matches!(parameter, RefOr::T(it) if it.name == "Idempotency-Key");
            if !operation.parameters.iter().flatten().any(is_key) {
                continue;
            }
            for (status, response) in &mut operation.responses.responses {
                if let (true, RefOr::T(response)) =
                    (matches!(status.as_str(), "200" | "202"), response)
                {
                    let replayed =
                        header("`true` where an earlier call with the same key had made this");
                    response
                        .headers
                        .insert("Idempotent-Replayed".to_owned(), RefOr::T(replayed));
                }
            }
        }
    }
}

/// Descriptions are the routes' own documentation, but for its section on errors, which
/// is for readers of the code: the responses say more.
struct Prose;

impl Modify for Prose {
    fn modify(&self, openapi: &mut Description) {
        for item in openapi.paths.paths.values_mut() {
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                let text = operation.description.take().unwrap_or_default();
                let text = text.split("# Errors").next().unwrap_or_default().trim();
                operation.description = (!text.is_empty()).then(|| text.to_owned());
            }
        }
    }
}

/// The parts of a composed schema are judged alone (JSON Schema 2020-12): one that
/// refuses unknown fields would refuse the `type` that stands beside it.
struct Composed;

impl Modify for Composed {
    fn modify(&self, openapi: &mut Description) {
        let Some(components) = &mut openapi.components else {
            return;
        };
        let mut parts = BTreeSet::new();
        for schema in components.schemas.values() {
            let RefOr::T(Schema::OneOf(one_of)) = schema else {
                continue;
            };
            for item in &one_of.items {
                let RefOr::T(Schema::AllOf(all_of)) = item else {
                    continue;
                };
                for part in &all_of.items {
                    if let RefOr::Ref(part) = part {
                        parts.extend(part.ref_location.rsplit('/').next().map(str::to_owned));
                    }
                }
            }
        }
        for part in parts {
            if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(&part) {
                object.additional_properties = None;
            }
        }
    }
}

fn header(description: &str) -> Header {
    HeaderBuilder::new()
        .schema(Some(Object::with_type(Type::String)))
        .description(Some(description))
        .build()
}

/// Declares which kinds of problem a group of routes can answer with.
macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident: [$($kind:ident),+ $(,)?];)+) => {$(
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name;

        impl IntoResponses for $name {
            fn responses() -> BTreeMap<String, RefOr<Response>> {
                responses_of(&[$(Kind::$kind),+])
            }
        }
    )+};
}

refusals! {
    /// What any question can be refused with.
    ReadRefusals: [InvalidField, Unauthorized, Forbidden, NotFound, Internal, Unavailable];
    /// What sending can be refused with.
    SendRefusals: [
        InvalidJson, InvalidField, Unauthorized, Forbidden, NotFound, StaleEpoch, NotHolder, ControlPending, Closed,
        Erased, Claimed, TooLarge, KeyReused, ContentLimits, ContentNotPossible, OutboxFull, Internal, Unsupported,
        Unavailable,
    ];
    /// What a change of control can be refused with.
    ControlRefusals: [
        InvalidJson, InvalidField, Unauthorized, Forbidden, NotFound, StaleEpoch, NotHolder, ControlPending, Closed,
        Erased, NoDesk, Claimed, TooLarge, KeyReused, OutboxFull, Internal, Unsupported, Unavailable,
    ];
    /// What erasing can be refused with.
    EraseRefusals: [Unauthorized, Forbidden, NotFound, Internal, Unavailable];
    /// What typing can be refused with.
    TypingRefusals: [
        InvalidJson, InvalidField, Unauthorized, Forbidden, NotFound, NotHolder, TooLarge, Internal, Unavailable,
    ];
    /// What a change of settings can be refused with.
    ConfigureRefusals: [
        InvalidJson, InvalidField, Unauthorized, Forbidden, NotFound, StaleRevision, TooLarge, Internal, Unavailable,
    ];
    /// What health can be refused with.
    HealthRefusals: [Internal, Unavailable];
    /// What a page can be refused with.
    PageRefusals: [NotFound, Internal];
}

/// One response per status code, each naming the kinds behind it.
fn responses_of(kinds: &[Kind]) -> BTreeMap<String, RefOr<Response>> {
    let mut by_status: BTreeMap<u16, Vec<String>> = BTreeMap::new();
    for page in kinds.iter().map(|kind| kind.page()) {
        let line = format!("[{}](/problems/{}): {}", page.name, page.name, page.title);
        by_status.entry(page.status).or_default().push(line);
    }
    let response = |(status, lines): (u16, Vec<String>)| {
        let document = Ref::from_schema_name("ProblemDocument");
        let mut response = ResponseBuilder::new()
            .description(lines.join("; "))
            .content(PROBLEM_JSON, Content::new(Some(document)));
        if matches!(status, 429 | 503) {
            response = response.header(
                "Retry-After",
                header("Seconds after which the same call may succeed"),
            );
        }
        (status.to_string(), RefOr::T(response.build()))
    };
    by_status.into_iter().map(response).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn described() -> Value {
        serde_json::to_value(description(Some("https://hub.example.com"))).expect("JSON")
    }

    #[test]
    fn it_is_openapi_31_of_this_release() {
        let described = described();
        assert!(
            described["openapi"]
                .as_str()
                .is_some_and(|version| version.starts_with("3.1"))
        );
        assert_eq!(described["info"]["version"], env!("CARGO_PKG_VERSION"));
        assert_eq!(described["servers"][0]["url"], "https://hub.example.com");
        assert_eq!(
            described["components"]["securitySchemes"]["token"]["scheme"],
            "bearer"
        );
        assert_eq!(described["security"][0]["token"], serde_json::json!([]));
        assert!(description(None).servers.is_none());
    }

    /// The template alone says which routes there are; all of the Baton API's are here,
    /// and no others.
    #[test]
    fn its_routes_are_the_templates() {
        let template: BTreeSet<(String, String)> = crate::handlers::tests::routes()
            .into_iter()
            .filter_map(|(_, key)| {
                let (method, path) = key.split_once(' ')?;
                let face = path.starts_with("/gladly/")
                    || path.starts_with("/webhooks/")
                    || path.contains("{proxy+}");
                (!face).then(|| (method.to_ascii_lowercase(), path.to_owned()))
            })
            .collect();
        let described = described();
        let mut ours = BTreeSet::new();
        for (path, item) in described["paths"].as_object().expect("paths") {
            for method in item.as_object().expect("methods").keys() {
                ours.insert((method.clone(), path.clone()));
            }
        }
        assert_eq!(ours, template);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_problem_is_named() {
        let described = described();
        let text = described.to_string();
        for reference in text.split("\"$ref\":\"#/components/schemas/").skip(1) {
            let name = reference.split('"').next().unwrap_or_default();
            assert!(
                described["components"]["schemas"].get(name).is_some(),
                "{name}"
            );
        }
        // No operation of a path answers that the path lacks it.
        for kind in Kind::ALL
            .into_iter()
            .filter(|kind| *kind != Kind::MethodNotAllowed)
        {
            assert!(
                text.contains(&format!("(/problems/{})", kind.page().name)),
                "{kind:?}"
            );
        }
    }

    #[test]
    fn every_path_knows_its_methods_and_no_other_path_has_any() {
        for (path, item) in described()["paths"].as_object().expect("paths") {
            let called = path.replace("{id}", "x").replace("{name}", "x");
            let mut known = methods(&called);
            known.sort();
            let mut wanted: Vec<String> = item
                .as_object()
                .expect("methods")
                .keys()
                .map(|method| method.to_ascii_uppercase())
                .collect();
            wanted.sort();
            assert_eq!(known, wanted, "{called}");
        }
        for path in [
            "/v1",
            "/v1/",
            "/v1/conversations/",
            "/v1/conversations/x/y",
            "",
        ] {
            assert_eq!(methods(path), Vec::<String>::new(), "{path}");
        }
    }

    #[test]
    fn a_content_may_have_its_type_beside_its_fields() {
        let schemas = &described()["components"]["schemas"];
        assert!(
            schemas["MessageContent"]["oneOf"]
                .as_array()
                .is_some_and(|all| all.len() == 7)
        );
        assert!(schemas["TextContent"].get("additionalProperties").is_none());
        // Elsewhere unknown fields are refused, and the description says so.
        assert_eq!(schemas["SendRequest"]["additionalProperties"], false);
    }

    #[test]
    fn every_call_is_described_with_an_example_of_what_it_takes() {
        let described = described();
        for (path, item) in described["paths"].as_object().expect("paths") {
            for (method, operation) in item.as_object().expect("methods") {
                assert!(
                    operation["summary"].is_string() && operation["operationId"].is_string(),
                    "{method} {path}"
                );
                let Some(schema) =
                    operation.pointer("/requestBody/content/application~1json/schema/$ref")
                else {
                    continue;
                };
                let name = schema
                    .as_str()
                    .and_then(|it| it.rsplit('/').next())
                    .unwrap_or_default();
                assert!(
                    described["components"]["schemas"][name]
                        .get("example")
                        .is_some(),
                    "{name}"
                );
                assert!(
                    operation["responses"].get("409").is_some(),
                    "{method} {path}"
                );
            }
        }
        // A token is needed everywhere but with the hub itself.
        assert_eq!(
            described["paths"]["/health"]["get"]["security"],
            serde_json::json!([{}])
        );
        assert!(
            described["paths"]["/v1/conversations"]["get"]
                .get("security")
                .is_none()
        );
    }
}
