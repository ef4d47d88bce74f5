//! The kinds of problem: a name, a status code, and the text of its page.

/// What can be wrong with a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The body is not JSON.
    InvalidJson,
    /// A field, header or query parameter is wrong.
    InvalidField,
    /// No valid token.
    Unauthorized,
    /// The role may not do this.
    Forbidden,
    /// No such thing, or none that the caller may know of.
    NotFound,
    /// The path has other methods.
    MethodNotAllowed,
    /// The epoch given is not the present one.
    StaleEpoch,
    /// The caller does not hold.
    NotHolder,
    /// A change of control is under way.
    ControlPending,
    /// The conversation has ended.
    Closed,
    /// The content was erased.
    Erased,
    /// There is no desk to hand off to.
    NoDesk,
    /// Somebody else is delivering.
    Claimed,
    /// The revision given is not the present one.
    StaleRevision,
    /// The body is too large.
    TooLarge,
    /// The idempotency key was used with another body.
    KeyReused,
    /// The content breaks limits of the platform.
    ContentLimits,
    /// The platform has nothing like this content.
    ContentNotPossible,
    /// Too much waits to leave.
    OutboxFull,
    /// The hub failed.
    Internal,
    /// The platform or the hub cannot do this.
    Unsupported,
    /// The hub's storage cannot be reached.
    Unavailable,
}

/// What a kind's page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The last part of the page's URL.
    pub name: &'static str,
    /// The status code.
    pub status: u16,
    /// The kind in a few words.
    pub title: &'static str,
    /// What it means.
    pub means: &'static str,
    /// Why it happens.
    pub why: &'static str,
    /// What the caller does now.
    pub todo: &'static str,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 22] = [
        Self::InvalidJson,
        Self::InvalidField,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::StaleEpoch,
        Self::NotHolder,
        Self::ControlPending,
        Self::Closed,
        Self::Erased,
        Self::NoDesk,
        Self::Claimed,
        Self::StaleRevision,
        Self::TooLarge,
        Self::KeyReused,
        Self::ContentLimits,
        Self::ContentNotPossible,
        Self::OutboxFull,
        Self::Internal,
        Self::Unsupported,
        Self::Unavailable,
    ];

    /// The kind whose page has this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.page().name == name)
    }

    /// The URL of its page: absolute where the hub knows its own address.
    #[must_use]
    pub fn url(self, public_url: Option<&str>) -> String {
        format!(
            "{}/problems/{}",
            public_url.unwrap_or_default(),
            self.page().name
        )
    }

    /// Its page.
    #[must_use]
    pub fn page(self) -> &'static Page {
        match self {
            Self::InvalidJson => &Page {
                name: "invalid-json",
                status: 400,
                title: "The body is not JSON",
                means: "The request's body could not be read as one JSON object.",
                why: "It is empty, cut off, not UTF-8, or something follows the object. The detail names line and column.",
                todo: "Send one JSON object as the body, with `content-type: application/json`.",
            },
            Self::InvalidField => &Page {
                name: "invalid-field",
                status: 400,
                title: "A field is wrong",
                means: "A field of the body, a header or a query parameter is missing, unknown, of the wrong type, or has a value that is not allowed. Nothing was done.",
                why: "The API reads requests strictly, so that a misspelled field is found at once and never ignored.",
                todo: "Correct what `errors` lists. The API's description is at `/openapi.json`.",
            },
            Self::Unauthorized => &Page {
                name: "unauthorized",
                status: 401,
                title: "The token is missing, unknown or expired",
                means: "The hub does not know who is calling.",
                why: "Every call needs the header `authorization: Bearer <token>`. A new or removed token takes effect within 60 seconds.",
                todo: "Check the header, and ask the hub's operator for a token if yours has expired.",
            },
            Self::Forbidden => &Page {
                name: "forbidden",
                status: 403,
                title: "The token's role may not do this",
                means: "The token is valid, but a role like this is not allowed this call.",
                why: "Each token has one role: `bot` and `agent` speak and move control, `admin` moves control, `reader` only reads.",
                todo: "Use a token of the right role. What is checked first: the token, the role, the request, and only then whether the thing exists.",
            },
            Self::NotFound => &Page {
                name: "not-found",
                status: 404,
                title: "There is no such thing",
                means: "The path, the conversation, the thread or the connection is unknown.",
                why: "It never existed, its content has expired, or it belongs to a connection that this token may not touch. These cases look the same on purpose.",
                todo: "Check the id, and with the hub's operator the connections of your token. All paths are listed at `/openapi.json`.",
            },
            Self::MethodNotAllowed => &Page {
                name: "method-not-allowed",
                status: 405,
                title: "This path has other methods",
                means: "The path is one of the API's, and is not called with this method.",
                why: "Questions are GET, settings are PUT and DELETE, everything else is POST.",
                todo: "Use one of the methods in the header `Allow`. All calls are listed at `/openapi.json`.",
            },
            Self::StaleEpoch => &Page {
                name: "stale-epoch",
                status: 409,
                title: "The epoch is an old one",
                means: "The conversation has changed hands since you read it. Nothing was sent or changed.",
                why: "Each change of holder raises the epoch. `holder` and `epoch` in the problem document say who holds now.",
                todo: "Read the conversation again. If you no longer hold it, stay silent; if you hold it again, decide anew and repeat with the present epoch.",
            },
            Self::NotHolder => &Page {
                name: "not-holder",
                status: 409,
                title: "Somebody else holds the conversation",
                means: "Only the holder may speak or pass control, and that is not you. Nothing was sent or changed.",
                why: "The conversation was handed off or taken over, or it has not been given to you yet.",
                todo: "Stay silent. An agent may take a conversation from the bot or from a queue with `control`, ask `take`.",
            },
            Self::ControlPending => &Page {
                name: "control-pending",
                status: 409,
                title: "A change of control is under way",
                means: "A handoff, pass or close was asked for and has not come about yet. Nothing can be sent behind it.",
                why: "Everything leaves in order, and what would come after the change is no longer yours to say.",
                todo: "Wait for `control.passed`, `conversation.closed` or `control.failed` in the events, then read the conversation.",
            },
            Self::Closed => &Page {
                name: "closed",
                status: 409,
                title: "The conversation is closed",
                means: "The conversation has ended. Nothing was sent or changed.",
                why: "It was closed by the bot, an agent, the customer or the platform, or a timer ended it. `reason` says which.",
                todo: "Nothing. The customer's next message opens the next conversation, or reopens this one.",
            },
            Self::Erased => &Page {
                name: "erased",
                status: 409,
                title: "The conversation was erased",
                means: "Its content was erased on request, and nothing can be added to it.",
                why: "Somebody used their right to be forgotten.",
                todo: "Nothing. A new message of the customer opens a new conversation.",
            },
            Self::NoDesk => &Page {
                name: "no-desk",
                status: 409,
                title: "The connection has no desk",
                means: "A handoff was asked for, but nobody is there to take the conversation.",
                why: "The connection's settings name no desk.",
                todo: "Close the conversation instead, or have the hub's operator configure a desk.",
            },
            Self::Claimed => &Page {
                name: "claimed",
                status: 409,
                title: "Somebody else is delivering",
                means: "Another process of the hub owns this conversation's outbound work at the moment.",
                why: "One owner at a time keeps messages in order.",
                todo: "Repeat the call after the seconds in `retry-after`, with the same Idempotency-Key.",
            },
            Self::StaleRevision => &Page {
                name: "stale-revision",
                status: 412,
                title: "The settings have changed",
                means: "The revision in `If-Match` is not the present one. Nothing was changed.",
                why: "Somebody else, or `baton apply`, has changed the settings since you read them. The detail names the present revision.",
                todo: "Read the connection's settings again, and repeat your change on what you find, with the new revision.",
            },
            Self::TooLarge => &Page {
                name: "too-large",
                status: 413,
                title: "The request is too large",
                means: "The body is larger than the 300 KB that a message may have. Nothing was sent.",
                why: "Media do not belong into the body.",
                todo: "Send a link to the medium, or split the message.",
            },
            Self::KeyReused => &Page {
                name: "idempotency-key-reused",
                status: 422,
                title: "The idempotency key was used with another body",
                means: "Within the last 24 hours the same token used this Idempotency-Key on this path with a different body. Nothing was sent or changed.",
                why: "A key stands for one request. Body means the bytes: the same JSON written differently is another body.",
                todo: "Use a new key for a new request; repeat a request with exactly the same bytes.",
            },
            Self::ContentLimits => &Page {
                name: "content-limits",
                status: 422,
                title: "The content breaks limits of the platform",
                means: "The platform would refuse or cut the message. Nothing was sent: the hub never cuts what you say.",
                why: "Each platform limits lengths and numbers of choices. `errors` lists every limit that is broken.",
                todo: "Shorten or split the message as `errors` says.",
            },
            Self::ContentNotPossible => &Page {
                name: "content-not-possible",
                status: 422,
                title: "The platform has nothing like this content",
                means: "This type of content cannot be said on the conversation's platform. Nothing was sent.",
                why: "Templates and native content belong to one platform each.",
                todo: "Send text, HTML or a menu instead, or the native content of this platform.",
            },
            Self::OutboxFull => &Page {
                name: "outbox-full",
                status: 429,
                title: "Too much waits to leave",
                means: "So many messages of this conversation wait for the platform that no more are taken.",
                why: "The platform is slow or unreachable, or messages come faster than it takes them.",
                todo: "Repeat the call after the seconds in `retry-after`, with the same Idempotency-Key.",
            },
            Self::Internal => &Page {
                name: "internal",
                status: 500,
                title: "The hub failed",
                means: "Something went wrong inside the hub. Whether the call had an effect is not known.",
                why: "A mistake in the hub.",
                todo: "Repeat the call with the same Idempotency-Key: it has its effect once. If it fails again, tell the hub's operator the time.",
            },
            Self::Unsupported => &Page {
                name: "unsupported",
                // Not 501: the caller can help it, and alarms watch 5xx.
                status: 422,
                title: "This cannot be done here",
                means: "The conversation's platform has no way to do what was asked. Nothing was changed.",
                why: "Platforms differ in what they let an automation do. The detail says what is missing.",
                todo: "Do what the detail proposes; `docs/compatibility.md` lists what each platform can do.",
            },
            Self::Unavailable => &Page {
                name: "unavailable",
                status: 503,
                title: "The hub's storage cannot be reached",
                means: "The hub could not read or write what it needs for this call.",
                why: "A disturbance of the storage, or too many writers in one conversation at the same moment.",
                todo: "Repeat the call after the seconds in `retry-after`, with the same Idempotency-Key.",
            },
        }
    }
}
