//! The routes of `/api/v1`: each reads its input and asks the world.

use axum::Router;
use axum::body::Bytes;
use axum::extract::{OriginalUri, Path, RawQuery, State};
use axum::http::header::CONTENT_TYPE;
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};

use super::GladlySim;
use super::events::JSON_LINES;
use super::gate::{gate, prefix};
use super::oracle::ViolationKind;
use super::refusal::{Outcome, Refusal, object};
use super::state::World;

impl GladlySim {
    /// Runs one call on the world and makes its answer.
    fn answer(&self, call: impl FnOnce(&mut World, i64) -> Outcome) -> Response {
        respond(self.act(call))
    }
}

fn respond(outcome: Outcome) -> Response {
    match outcome {
        Ok(answer) => answer.into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

type Sim = State<GladlySim>;
type Id = Path<String>;

/// The whole API, gate included, to be nested below `/api/v1`.
pub(crate) fn routes(sim: &GladlySim) -> Router<GladlySim> {
    let unknown = || async { Refusal::not_found().because(ViolationKind::UnknownCall) };
    let wrong_method = || async { Refusal::bare(405).because(ViolationKind::UnknownCall) };
    Router::new()
        .nest("/message-automation/sessions/{id}", sessions())
        .nest("/conversations/{id}", conversations())
        .route("/webhooks", get(list_webhooks).post(create_webhook))
        .route(
            "/webhooks/{id}",
            get(show_webhook)
                .patch(change_webhook)
                .delete(delete_webhook),
        )
        .route(
            "/organization",
            get(|State(sim): Sim| async move { sim.answer(|w, _| Ok(w.organization())) }),
        )
        .route(
            "/agents",
            get(|State(sim): Sim| async move { sim.answer(|w, _| Ok(w.agents())) }),
        )
        .route(
            "/agents/{id}",
            get(
                |State(sim): Sim, Path(id): Id| async move { sim.answer(|w, _| w.show_agent(&id)) },
            ),
        )
        .route(
            "/inboxes",
            get(|State(sim): Sim| async move { sim.answer(|w, _| Ok(w.inboxes())) }),
        )
        .route(
            "/inboxes/{id}",
            get(
                |State(sim): Sim, Path(id): Id| async move { sim.answer(|w, _| w.show_inbox(&id)) },
            ),
        )
        .route(
            "/topics",
            get(|State(sim): Sim| async move { sim.answer(|w, _| Ok(w.list_topics())) }),
        )
        .route("/customers/{id}", get(show_customer))
        .route("/events", get(list_events))
        .fallback(unknown)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(sim.clone(), gate))
}

fn sessions() -> Router<GladlySim> {
    Router::new()
        .route("/", get(|State(sim): Sim, Path(id): Id| async move { sim.answer(|w, _| w.show_session(&id)) }))
        .route("/messages", get(messages).post(send))
        .route("/messages/{message}", get(message))
        .route("/handoff", post(hand_off))
        .route("/close", post(close))
        .route("/typing-indicators", post(typing))
}

fn conversations() -> Router<GladlySim> {
    Router::new()
        .route("/", get(show_conversation).patch(patch_conversation))
        .route(
            "/items",
            get(|State(sim): Sim, Path(id): Id| async move { sim.answer(|w, _| w.items(&id)) }),
        )
        .route("/notes", post(add_note))
        .route("/topics", post(add_topics))
}

async fn messages(State(sim): Sim, Path(id): Id) -> Response {
    sim.answer(|world, _| world.messages(&id))
}

async fn message(State(sim): Sim, Path((id, message)): Path<(String, String)>) -> Response {
    sim.answer(|world, _| world.message(&id, &message))
}

async fn send(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, now| world.send(&id, &object(&body)?, now))
}

async fn hand_off(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, now| world.hand_off(&id, &object(&body)?, now))
}

async fn close(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, now| world.close(&id, &object(&body)?, now))
}

async fn typing(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, _| world.typing(&id, &object(&body)?))
}

async fn show_conversation(State(sim): Sim, Path(id): Id) -> Response {
    sim.answer(|world, _| world.show_conversation(&id))
}

async fn patch_conversation(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, now| world.patch_conversation(&id, &object(&body)?, now))
}

async fn add_note(State(sim): Sim, uri: OriginalUri, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, now| world.add_note(&id, &object(&body)?, &prefix(&uri), now))
}

async fn add_topics(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    sim.answer(|world, _| world.add_topics(&id, &object(&body)?))
}

async fn show_customer(State(sim): Sim, uri: OriginalUri, Path(id): Id) -> Response {
    sim.answer(|world, _| world.show_customer(&id, &prefix(&uri)))
}

async fn list_events(State(sim): Sim, RawQuery(query): RawQuery) -> Response {
    let query = query.unwrap_or_default();
    match sim.act(|world, now| world.list_events(&query, now)) {
        Ok(lines) => ([(CONTENT_TYPE, JSON_LINES)], lines).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

async fn list_webhooks(State(sim): Sim) -> Response {
    sim.answer(|world, _| Ok(world.list_webhooks()))
}

async fn show_webhook(State(sim): Sim, Path(id): Id) -> Response {
    sim.answer(|world, _| world.show_webhook(&id))
}

async fn delete_webhook(State(sim): Sim, Path(id): Id) -> Response {
    sim.answer(|world, _| world.delete_webhook(&id))
}

async fn create_webhook(State(sim): Sim, uri: OriginalUri, body: Bytes) -> Response {
    match object(&body) {
        Ok(body) => respond(sim.post_webhook(&body, &prefix(&uri)).await),
        Err(refusal) => refusal.into_response(),
    }
}

async fn change_webhook(State(sim): Sim, Path(id): Id, body: Bytes) -> Response {
    match object(&body) {
        Ok(body) => respond(sim.patch_webhook(&id, &body).await),
        Err(refusal) => refusal.into_response(),
    }
}
