//! Routes of the HTTP API, chosen the way API Gateway chooses.

use super::TemplateError;
use super::node::Node;
use std::collections::BTreeMap;

/// One route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The function that answers, by its binary's name.
    pub function: String,
    /// An HTTP method in capitals, or `ANY`.
    pub method: String,
    /// The path, with `{name}` for one segment and a final `{name+}` for the
    /// rest, at least one character of it.
    pub path: String,
}

/// The route of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RouteMatch<'a> {
    /// The function that answers, by its binary's name.
    pub function: &'a str,
    /// The route as API Gateway names it in `routeKey`: method and path.
    pub route_key: String,
    /// The values of the path's variables, percent-decoded.
    pub path_parameters: BTreeMap<String, String>,
}

/// What a segment of a route's path takes.
enum Segment<'a> {
    Literal(&'a str),
    One(&'a str),
    Rest(&'a str),
}

impl Route {
    /// Method and path, as in API Gateway's `routeKey`.
    #[must_use]
    pub fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        self.path.split('/').map(|text| {
            match text
                .strip_prefix('{')
                .and_then(|text| text.strip_suffix('}'))
            {
                None => Segment::Literal(text),
                Some(name) => match name.strip_suffix('+') {
                    None => Segment::One(name),
                    Some(name) => Segment::Rest(name),
                },
            }
        })
    }

    /// The path's variables, if this route takes the request.
    fn take(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let mut parameters = BTreeMap::new();
        let mut rest = Some(path);
        for segment in self.segments() {
            let here = rest?;
            let (head, tail) = match here.split_once('/') {
                Some((head, tail)) => (head, Some(tail)),
                None => (here, None),
            };
            rest = tail;
            match segment {
                Segment::Literal(text) if text == head => {}
                Segment::One(name) if !head.is_empty() => {
                    parameters.insert(name.to_owned(), percent_decode(head));
                }
                Segment::Rest(name) if !here.is_empty() => {
                    parameters.insert(name.to_owned(), percent_decode(here));
                    rest = None;
                }
                _ => return None,
            }
        }
        rest.is_none().then_some(parameters)
    }

    /// Orders routes that take the same request, the first one wins: a full
    /// match before `{name+}`, written segments before variables from the left,
    /// a method before `ANY`. Source: "Create routes for HTTP APIs in API
    /// Gateway", routing API requests.
    fn precedence(&self) -> (bool, Vec<u8>, bool) {
        let ranks: Vec<u8> = self
            .segments()
            .map(|segment| match segment {
                Segment::Literal(_) => 0,
                Segment::One(_) => 1,
                Segment::Rest(_) => 2,
            })
            .collect();
        (ranks.contains(&2), ranks, self.method == "ANY")
    }
}

/// Reads the properties of an `HttpApi` event.
pub(super) fn read(function: &str, properties: &Node<'_>) -> Result<Route, TemplateError> {
    let version = properties.get("PayloadFormatVersion")?;
    if version.text()? != "2.0" {
        return Err(version.unsupported("another payload format than 2.0"));
    }
    Ok(Route {
        function: function.to_owned(),
        method: properties.get("Method")?.text()?.to_uppercase(),
        path: properties.get("Path")?.text()?,
    })
}

/// The route that takes the request, if any does.
pub(super) fn choose<'a>(routes: &'a [Route], method: &str, path: &str) -> Option<RouteMatch<'a>> {
    routes
        .iter()
        .filter_map(|route| Some((route, route.take(method, path)?)))
        .min_by_key(|(route, _)| route.precedence())
        .map(|(route, path_parameters)| RouteMatch {
            function: &route.function,
            route_key: route.key(),
            path_parameters,
        })
}

/// `%2F` becomes `/`; what is not an escape, or not UTF-8 after it, stays.
fn percent_decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let escape = match (byte, tail) {
            (b'%', [high, low, behind @ ..]) => hex(*high)
                .zip(hex(*low))
                .map(|(high, low)| (high * 16 + low, behind)),
            _ => None,
        };
        let (decoded, behind) = escape.unwrap_or((byte, tail));
        bytes.push(decoded);
        rest = behind;
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes(list: &[(&str, &str, &str)]) -> Vec<Route> {
        list.iter()
            .map(|(function, method, path)| Route {
                function: (*function).to_owned(),
                method: (*method).to_owned(),
                path: (*path).to_owned(),
            })
            .collect()
    }

    fn pets() -> Vec<Route> {
        routes(&[
            ("rest", "GET", "/pets/{proxy+}"),
            ("any_rest", "ANY", "/pets/{proxy+}"),
            ("dog_any", "GET", "/pets/dog/{id}"),
            ("dog", "GET", "/pets/dog/1"),
            ("any_dog", "ANY", "/pets/dog/1"),
            ("kind", "GET", "/pets/{kind}/1"),
            ("list", "GET", "/pets"),
        ])
    }

    #[track_caller]
    fn expect(method: &str, path: &str, function: Option<&str>) {
        let routes = pets();
        let chosen = choose(&routes, method, path);
        assert_eq!(
            chosen.map(|chosen| chosen.function),
            function,
            "{method} {path}"
        );
    }

    #[test]
    fn the_most_specific_route_wins() {
        expect("GET", "/pets", Some("list"));
        expect("GET", "/pets/dog/1", Some("dog"));
        expect("GET", "/pets/dog/2", Some("dog_any"));
        expect("GET", "/pets/cat/1", Some("kind"));
        expect("GET", "/pets/cat/2", Some("rest"));
        expect("POST", "/pets/dog/1", Some("any_dog"));
        expect("POST", "/pets/dog/2", Some("any_rest"));
    }

    #[test]
    fn what_no_route_takes_is_left_to_the_gateway() {
        expect("POST", "/pets", None);
        expect("GET", "/", None);
        expect("GET", "", None);
        expect("GET", "pets", None);
        expect("GET", "/pets/", None);
        expect("GET", "/petshop", None);
    }

    #[test]
    fn a_final_slash_is_a_segment() {
        expect("GET", "/pets/dog/", Some("rest"));
        let routes = pets();
        let chosen = choose(&routes, "GET", "/pets/dog/").expect("taken");
        assert_eq!(chosen.path_parameters["proxy"], "dog/");
    }

    #[test]
    fn variables_are_decoded() {
        let routes = routes(&[("one", "GET", "/a/{id}/b")]);
        for (path, value) in [
            ("/a/x%20y/b", "x y"),
            ("/a/x%2Fy/b", "x/y"),
            ("/a/%C3%A9/b", "é"),
            ("/a/%/b", "%"),
            ("/a/%zz/b", "%zz"),
            ("/a/%ff/b", "%ff"),
            ("/a/x+y/b", "x+y"),
        ] {
            let chosen = choose(&routes, "GET", path).expect(path);
            assert_eq!(chosen.route_key, "GET /a/{id}/b");
            assert_eq!(chosen.path_parameters["id"], value);
        }
    }
}
