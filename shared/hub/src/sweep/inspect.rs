//! The checks of connections, beside what is due.

use super::Sweep;
use super::running::Running;
use crate::checkup::Checkup;
use crate::doctor::Doctor;
use crate::store::StoreError;
use crate::store::due::Due;

impl Sweep {
    fn checkup(&self) -> Checkup {
        Checkup {
            doctor: Doctor {
                core: self.core().clone(),
                calls: self.relay.deliverer.calls.clone(),
                teller: self.relay.teller.clone(),
            },
            bus: self.bus.clone(),
        }
    }

    /// Sees to it that every connection is checked, without holding up what is due.
    pub(super) fn arm_checkups(&self, running: &Running) {
        let sweep = self.clone();
        running.aside(async move {
            let settings = match sweep.core().settings().await {
                Ok(settings) => settings,
                Err(error) => {
                    tracing::error!(error = %error, "checks wait for the settings");
                    return;
                }
            };
            if let Err(error) = sweep.checkup().arm(&sweep.armed, &settings).await {
                tracing::warn!(error = %error, "a connection's checks were not armed");
            }
        });
    }

    /// Checks a connection, likewise. One that is gone is not checked any more.
    ///
    /// # Errors
    /// When the table fails; it stays due.
    pub(super) async fn check(
        &self,
        row: &Due,
        id: &str,
        running: &Running,
    ) -> Result<(), StoreError> {
        let settings = match self.core().settings_with(id).await {
            Ok(settings) => settings,
            Err(error) => {
                tracing::error!(error = %error, "checks wait for the settings");
                return Ok(());
            }
        };
        if !settings.connections.contains_key(id) {
            return self.core().store.remove_due(row).await;
        }
        let (checkup, id, read) = (self.checkup(), id.to_owned(), row.at);
        running.aside(async move {
            let Some(connection) = settings.connections.get(&id) else {
                return;
            };
            if let Err(error) = checkup.run(&settings, connection, read).await {
                tracing::warn!(connection = %id, error = %error, "a check is made later");
            }
        });
        Ok(())
    }
}
