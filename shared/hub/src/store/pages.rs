//! A question whose answer has several pages.

use super::Store;
use super::direct::shapes::{Read, Request};
use super::error::StoreError;
use super::item::Item;
use super::units::Mechanism;

/// The pages of an answer, one after the other.
pub(super) struct Pages<'a, Question> {
    store: &'a Store,
    mechanism: Mechanism,
    question: Question,
    start: Option<Item>,
    is_over: bool,
}

impl Store {
    /// The pages of what `question` asks for, each when it is wanted.
    pub(super) fn pages<'a, Question: Fn() -> Request<'a>>(
        &'a self,
        mechanism: Mechanism,
        question: Question,
    ) -> Pages<'a, Question> {
        Pages {
            store: self,
            mechanism,
            question,
            start: None,
            is_over: false,
        }
    }
}

impl<'a, Question: Fn() -> Request<'a>> Pages<'a, Question> {
    /// The items of the next page; `None` after the last.
    ///
    /// # Errors
    /// When the table cannot be read. The same page can be asked for again.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Read>>, StoreError> {
        if self.is_over {
            return Ok(None);
        }
        let question: Request<'_> = (self.question)();
        let request = question.after(self.start.as_ref());
        let page = self.store.ask(self.mechanism, &request).await?;
        self.start = page.last_evaluated_key.map(|Read(key)| key);
        self.is_over = self.start.is_none();
        Ok(Some(page.items))
    }
}
