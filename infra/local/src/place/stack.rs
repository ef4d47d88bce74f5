//! A stack on AWS: what its outputs name, and clients for it. Region, credentials and
//! endpoints come from where the AWS CLI has them, too: the environment and its files.

use super::secrets::SecretPlace;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudformation::error::DisplayErrorContext;
use baton_domain::IdKey;
use baton_hub::id_key::{IdKeyError, IdKeySource, KeptIdKey, ReadingIdKey};
use baton_hub::store::Store;
use std::sync::Arc;

/// What a stack is made of, by name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StackNames {
    /// The table.
    pub table: String,
    /// The secret with credentials: ARN or name.
    pub secret: String,
    /// The secret with the key of thread ids: ARN or name.
    pub id_key: Option<String>,
    /// The event bus.
    pub bus: Option<String>,
    /// The URL of the queue of dead letters.
    pub dead_letters: Option<String>,
}

/// A stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// What it is called to people.
    pub title: String,
    /// What it is made of.
    pub names: StackNames,
    config: SdkConfig,
}

impl Stack {
    /// The stack of this name in the region, or in the one that the environment names.
    ///
    /// # Errors
    /// In words, with what to do.
    pub async fn named(name: &str, region: Option<&str>) -> Result<Self, String> {
        let config = config(region).await?;
        let client = aws_sdk_cloudformation::Client::new(&config);
        let described = client.describe_stacks().stack_name(name).send().await;
        let described = described.map_err(|error| {
            format!(
                "the stack {name}: {}. See its name, --region and the credentials",
                DisplayErrorContext(&error)
            )
        })?;
        let outputs = described
            .stacks()
            .first()
            .map(aws_sdk_cloudformation::types::Stack::outputs)
            .unwrap_or_default();
        let output = |key: &str| {
            let found = outputs
                .iter()
                .find(|output| output.output_key() == Some(key));
            found
                .and_then(|output| output.output_value())
                .map(str::to_owned)
        };
        let required = |key: &str| {
            output(key).ok_or_else(|| {
                format!("the stack {name} has no output {key}: it is no stack of Baton's template, or not made yet")
            })
        };
        let names = StackNames {
            table: required("TableName")?,
            secret: required("SecretArn")?,
            id_key: output("IdKeyArn"),
            bus: output("BusName"),
            dead_letters: output("DeadLettersUrl"),
        };
        Ok(Self {
            title: format!("the stack {name}"),
            names,
            config,
        })
    }

    /// A stack whose parts are named directly.
    ///
    /// # Errors
    /// In words, with what to do.
    pub async fn of_parts(names: StackNames, region: Option<&str>) -> Result<Self, String> {
        Ok(Self {
            title: format!("the table {}", names.table),
            names,
            config: config(region).await?,
        })
    }

    /// The table.
    #[must_use]
    pub fn store(&self) -> Store {
        Store::new(
            aws_sdk_dynamodb::Client::new(&self.config),
            self.names.table.clone(),
        )
    }

    /// The secret with credentials.
    #[must_use]
    pub fn secrets(&self) -> SecretPlace {
        SecretPlace::Stack {
            client: aws_sdk_secretsmanager::Client::new(&self.config),
            id: self.names.secret.clone(),
        }
    }

    /// The key of thread ids, read when it is first wanted.
    #[must_use]
    pub fn id_key(&self) -> KeptIdKey {
        KeptIdKey::from_source(Arc::new(IdKeySecret {
            client: aws_sdk_secretsmanager::Client::new(&self.config),
            id: self.names.id_key.clone(),
        }))
    }

    /// A client for the event bus.
    #[must_use]
    pub fn events(&self) -> aws_sdk_eventbridge::Client {
        aws_sdk_eventbridge::Client::new(&self.config)
    }

    /// A client for the table.
    #[must_use]
    pub fn table(&self) -> aws_sdk_dynamodb::Client {
        aws_sdk_dynamodb::Client::new(&self.config)
    }

    /// A client for the table's stream.
    #[must_use]
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        aws_sdk_dynamodbstreams::Client::new(&self.config)
    }

    /// A client for the queue.
    #[must_use]
    pub fn queues(&self) -> aws_sdk_sqs::Client {
        aws_sdk_sqs::Client::new(&self.config)
    }
}

async fn config(region: Option<&str>) -> Result<SdkConfig, String> {
    use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
    let https = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let loader = aws_config::defaults(BehaviorVersion::latest()).http_client(https);
    let loader = match region {
        Some(region) => loader.region(Region::new(region.to_owned())),
        None => loader,
    };
    let config = loader.load().await;
    match config.region() {
        Some(_) => Ok(config),
        None => Err("no AWS region is set: name one with --region, or set AWS_REGION".to_owned()),
    }
}

#[derive(Debug)]
struct IdKeySecret {
    client: aws_sdk_secretsmanager::Client,
    id: Option<String>,
}

impl IdKeySource for IdKeySecret {
    fn read(&self) -> ReadingIdKey<'_> {
        Box::pin(async move {
            let id = self.id.as_ref();
            let id = id.ok_or_else(|| IdKeyError("it is not named: add --id-key".to_owned()))?;
            let got = self.client.get_secret_value().secret_id(id).send().await;
            let got = got.map_err(|error| IdKeyError(DisplayErrorContext(&error).to_string()))?;
            match got.secret_string() {
                Some(key) if key.len() >= 32 => Ok(IdKey::new(key.as_bytes().to_vec())),
                _ => Err(IdKeyError("it is shorter than 32 characters".to_owned())),
            }
        })
    }
}
