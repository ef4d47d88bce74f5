//! The seats of the hub's own agents.

use super::Store;
use super::direct::shapes::Request;
use super::error::StoreError;
use super::units::Mechanism;
use aws_sdk_dynamodb::types::AttributeValue;
use baton_domain::ThreadId;
use baton_domain::seats::Holding;

const SEAT_SK: &str = "seat";
/// The set of holdings, as `thread#epoch`.
const HOLDINGS: &str = "h";

impl Store {
    /// Takes a holding out of an agent's set; out twice changes nothing.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn free_seat(
        &self,
        agent: &str,
        thread: &ThreadId,
        epoch: u64,
    ) -> Result<(), StoreError> {
        let element = Holding {
            thread: thread.clone(),
            epoch,
        }
        .element();
        let pk = format!("agent#{agent}");
        let request = Request::update(&self.table, (&pk, SEAT_SK), "DELETE #h :held")
            .only_if("attribute_exists(#h)")
            .name("#h", HOLDINGS)
            .value(":held", AttributeValue::Ss(vec![element]));
        self.done(Mechanism::Seat, &request).await?;
        Ok(())
    }
}
