//! The seats of the hub's own agents.

use super::Store;
use super::error::StoreError;
use super::item::{PK, SK, s};
use super::units::Mechanism;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
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
        let updated = self
            .client
            .update_item()
            .table_name(&self.table)
            .key(PK, s(format!("agent#{agent}")))
            .key(SK, s(SEAT_SK))
            .update_expression("DELETE #h :held")
            .condition_expression("attribute_exists(#h)")
            .expression_attribute_names("#h", HOLDINGS)
            .expression_attribute_values(":held", AttributeValue::Ss(vec![element]))
            .return_consumed_capacity(ReturnConsumedCapacity::Total)
            .send()
            .await;
        self.conditional(Mechanism::Seat, updated.map(|done| done.consumed_capacity))
            .map(|_| ())
    }
}
