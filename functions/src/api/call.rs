//! Reading a request: who calls, what they may do, and what they say. Strictly: what is
//! unknown is an error that names it.

use crate::http::HttpRequest;
use crate::problem::{Kind, Problem};
use baton_hub::api::{Api, ApiError, RequestMeta};
use baton_hub::settings::Caller;
use baton_hub::store::records::Role;
use baton_platforms::http::bearer;
use serde::de::DeserializeOwned;
use serde_json::error::Category;

/// The largest body that is read, in bytes: a message of more cannot be kept in one
/// entry of the log.
pub const BODY_LIMIT: usize = 300 * 1024;
/// The longest idempotency key, in characters.
pub const KEY_LIMIT: usize = 255;
/// How many items a list has where no `limit` is given.
pub const LIST_DEFAULT: usize = 50;
/// The most items a list has.
pub const LIST_LIMIT: usize = 100;

/// Who speaks to customers.
pub const SPEAKERS: &[Role] = &[Role::Bot, Role::Agent];
/// Who moves control.
pub const MOVERS: &[Role] = &[Role::Bot, Role::Agent, Role::Admin];
/// Who erases.
pub const ADMINS: &[Role] = &[Role::Admin];
/// Who reads.
pub const READERS: &[Role] = &[Role::Bot, Role::Agent, Role::Admin, Role::Reader];

/// The caller, if the token is valid and its role is one of these.
///
/// # Errors
/// 401 and 403, and 503 where tokens cannot be looked up.
pub async fn caller(api: &Api, request: &HttpRequest, roles: &[Role]) -> Result<Caller, Problem> {
    let token = request.header("authorization").and_then(bearer);
    let caller = api.caller(token).await?;
    allowed(&caller, roles)?;
    Ok(caller)
}

/// Whether the caller's role is one of these. Who acts as an agent must be one.
///
/// # Errors
/// 403 otherwise.
pub fn allowed(caller: &Caller, roles: &[Role]) -> Result<(), ApiError> {
    let nameless =
        caller.role == Role::Agent && caller.agent.is_none() && !roles.contains(&Role::Reader);
    if roles.contains(&caller.role) && !nameless {
        Ok(())
    } else {
        Err(ApiError::Forbidden)
    }
}

/// The `{id}` of the path.
#[must_use]
pub fn id(request: &HttpRequest) -> &str {
    request.path_parameter("id").unwrap_or_default()
}

/// The body's bytes.
///
/// # Errors
/// 413 for one that is too large, 400 for one that the transport garbled.
pub fn bytes(request: &HttpRequest) -> Result<Vec<u8>, Problem> {
    let Ok(bytes) = request.body() else {
        return Err(Problem::new(
            Kind::InvalidJson,
            "The body is said to be base64 and is not.",
        ));
    };
    if bytes.len() > BODY_LIMIT {
        let detail = format!(
            "The body has {} bytes, at most {BODY_LIMIT} are taken. Send a link instead.",
            bytes.len()
        );
        return Err(Problem::new(Kind::TooLarge, detail));
    }
    Ok(bytes)
}

/// The body as one JSON object of this type.
///
/// # Errors
/// 400 naming line and column, or the field; 413.
pub fn body<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Problem> {
    parse(&bytes(request)?)
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(Problem::new(
            Kind::InvalidJson,
            "The body is empty. Send a JSON object.",
        ));
    }
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let parsed = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| wrong("", &error.path().to_string(), error.inner()))?;
    json.end().map_err(|error| wrong("", "", &error))?;
    Ok(parsed)
}

/// A part of the body, `at` this path, as this type.
///
/// # Errors
/// 400 naming the field.
pub fn part<T: DeserializeOwned>(at: &str, value: serde_json::Value) -> Result<T, Problem> {
    serde_path_to_error::deserialize(value)
        .map_err(|error| wrong(at, &error.path().to_string(), error.inner()))
}

fn wrong(at: &str, path: &str, error: &serde_json::Error) -> Problem {
    let whole = error.to_string();
    if error.classify() != Category::Data {
        return Problem::new(Kind::InvalidJson, format!("The body is not JSON: {whole}."));
    }
    // The place in the bytes helps nobody who is told the field.
    let problem = whole.split(" at line ").next().unwrap_or_default();
    // The path of the whole is a dot.
    let field = match (at, path) {
        ("", "." | "") => "the body".to_owned(),
        (at, "." | "") => at.to_owned(),
        ("", path) => path.to_owned(),
        (at, path) => format!("{at}.{path}"),
    };
    Problem::field(&field, problem)
}

/// What every changing request carries beside its body. `step` tells several requests
/// of one call apart.
///
/// # Errors
/// 400 for a key that is empty or too long; 413.
pub fn meta(request: &HttpRequest, epoch: Option<u64>, step: &str) -> Result<RequestMeta, Problem> {
    let key = request.header("idempotency-key").map(str::trim);
    if key.is_some_and(|key| key.is_empty() || key.chars().count() > KEY_LIMIT) {
        let problem = format!("must have 1 to {KEY_LIMIT} characters; a random UUID is a good key");
        return Err(Problem::field("Idempotency-Key", problem));
    }
    Ok(RequestMeta {
        epoch,
        idempotency_key: key.map(str::to_owned),
        route: format!("{} {}{step}", request.method(), request.path),
        body: bytes(request)?,
        waited: i64::try_from(request.arrived.0.elapsed().as_millis()).unwrap_or(i64::MAX),
    })
}

/// Refuses query parameters that the route does not have.
///
/// # Errors
/// 400 naming the first.
pub fn only_query(request: &HttpRequest, known: &[&str]) -> Result<(), Problem> {
    match request
        .query_names()
        .into_iter()
        .find(|name| !known.contains(&name.as_str()))
    {
        Some(name) => {
            let known = if known.is_empty() {
                "none are known here".to_owned()
            } else {
                format!("known are {}", known.join(", "))
            };
            Err(Problem::field(
                &name,
                format!("unknown query parameter, {known}"),
            ))
        }
        None => Ok(()),
    }
}

/// A query parameter that is a whole number within these bounds.
///
/// # Errors
/// 400 where it is none.
pub fn number(
    request: &HttpRequest,
    name: &str,
    least: usize,
    most: usize,
    default: usize,
) -> Result<usize, Problem> {
    let Some(text) = request.query(name) else {
        return Ok(default);
    };
    text.parse()
        .ok()
        .filter(|number| (least..=most).contains(number))
        .ok_or_else(|| {
            Problem::field(
                name,
                format!("must be a whole number from {least} to {most}"),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        #[expect(dead_code, reason = "read to be refused")]
        inner: Option<Inner>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        #[expect(dead_code, reason = "read to be refused")]
        number: u64,
    }

    fn refused(body: &str) -> (Kind, String) {
        let problem = parse::<Outer>(body.as_bytes()).expect_err("it is refused");
        (problem.kind, problem.detail)
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        assert!(parse::<Outer>(br#" {"inner": {"number": 1}} "#).is_ok());
        let (kind, detail) = refused(r#"{"inner": {"nubmer": 1}}"#);
        assert_eq!(kind, Kind::InvalidField);
        assert_eq!(
            detail,
            "inner.nubmer: unknown field `nubmer`, expected `number`"
        );
        let (_, detail) = refused(r#"{"inner": {"number": "1"}}"#);
        assert_eq!(
            detail,
            "inner.number: invalid type: string \"1\", expected u64"
        );
        let (_, detail) = refused(r#"{"inner": {}}"#);
        assert_eq!(detail, "inner: missing field `number`");
        let (_, detail) = refused("[]");
        assert!(detail.starts_with("the body: "), "{detail}");
        for text in ["", " ", "{", "{} {}", "\u{0}"] {
            assert_eq!(refused(text).0, Kind::InvalidJson, "{text}");
        }
        assert!(refused("{\"inner\": }").1.contains("line 1 column 11"));
    }

    #[test]
    fn large_bodies_and_odd_keys_are_refused() {
        let request = |body: &str, key: &str| -> HttpRequest {
            let event = serde_json::json!({"body": body, "headers": {"Idempotency-Key": key}});
            serde_json::from_value(event).expect("it is an event")
        };
        let large = "x".repeat(BODY_LIMIT + 1);
        assert_eq!(
            bytes(&request(&large, "k")).expect_err("too large").kind,
            Kind::TooLarge
        );
        assert!(
            meta(&request("{}", " a key "), None, "")
                .is_ok_and(|meta| meta.idempotency_key.as_deref() == Some("a key"))
        );
        for key in [String::new(), "k".repeat(KEY_LIMIT + 1)] {
            assert_eq!(
                meta(&request("{}", &key), None, "").expect_err("odd").kind,
                Kind::InvalidField
            );
        }
    }

    #[test]
    fn query_parameters_are_strict() {
        let request: HttpRequest =
            serde_json::from_str(r#"{"rawQueryString":"limit=7&wait=x"}"#).expect("it is an event");
        assert_eq!(number(&request, "limit", 1, 100, 50), Ok(7));
        assert_eq!(number(&request, "other", 1, 100, 50), Ok(50));
        assert!(
            number(&request, "limit", 8, 100, 50).is_err()
                && number(&request, "wait", 0, 20, 0).is_err()
        );
        assert!(only_query(&request, &["limit", "wait"]).is_ok());
        let problem = only_query(&request, &["limit"]).expect_err("wait is unknown");
        assert_eq!(
            problem.detail,
            "wait: unknown query parameter, known are limit"
        );
    }

    #[test]
    fn an_agents_token_without_an_agent_only_reads() {
        let caller = |role, agent: Option<&str>| Caller {
            role,
            connections: None,
            agent: agent.map(str::to_owned),
            token_hash: String::new(),
            expires: None,
        };
        assert!(allowed(&caller(Role::Agent, None), READERS).is_ok());
        assert!(allowed(&caller(Role::Agent, None), SPEAKERS).is_err());
        assert!(allowed(&caller(Role::Agent, Some("ag_1")), SPEAKERS).is_ok());
        assert!(allowed(&caller(Role::Admin, None), SPEAKERS).is_err());
        assert!(allowed(&caller(Role::Reader, None), MOVERS).is_err());
        assert!(allowed(&caller(Role::Reader, None), READERS).is_ok());
    }
}
