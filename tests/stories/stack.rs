//! The operator's commands against a stack on AWS, played by moto's CloudFormation,
//! DynamoDB, Secrets Manager and SQS. Skipped, and said so, where moto is not installed
//! (`pip install 'moto[server]'`; `tests/run` does).

use crate::operator::Shop;
use crate::stage::SOON;
use axum::Router;
use baton_simulators::serving;
use serde_json::{Value, json};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const REGION: &str = "eu-central-1";
const STACK: &str = "shop";

/// The parts of the stack that the operator's commands use, as the template makes them;
/// but moto's CloudFormation makes no secrets, so they are there before.
const TEMPLATE: &str = r#"
Parameters:
  Secret: { Type: String }
  IdKey: { Type: String }
Resources:
  Table:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions:
        - { AttributeName: pk, AttributeType: S }
        - { AttributeName: sk, AttributeType: S }
      KeySchema:
        - { AttributeName: pk, KeyType: HASH }
        - { AttributeName: sk, KeyType: RANGE }
  DeadLetters:
    Type: AWS::SQS::Queue
Outputs:
  TableName: { Value: !Ref Table }
  SecretArn: { Value: !Ref Secret }
  IdKeyArn: { Value: !Ref IdKey }
  DeadLettersUrl: { Value: !Ref DeadLetters }
"#;

/// moto's server; ended when dropped.
struct Moto {
    child: Child,
    url: String,
}

impl Drop for Moto {
    fn drop(&mut self) {
        let _ended = self.child.kill().and_then(|()| self.child.wait());
    }
}

impl Moto {
    async fn start() -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr())
            .expect("a free port")
            .port();
        let child = Command::new("python3")
            .args([
                "-m",
                "moto.server",
                "-H",
                "127.0.0.1",
                "-p",
                &port.to_string(),
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = child else {
            return None;
        };
        let mut moto = Self {
            child,
            url: format!("http://127.0.0.1:{port}"),
        };
        let _installed = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::new();
        let end = tokio::time::Instant::now() + SOON;
        loop {
            if moto.child.try_wait().expect("it can be asked").is_some() {
                return None;
            }
            if client
                .get(format!("{}/moto-api/", moto.url))
                .send()
                .await
                .is_ok()
            {
                return Some(moto);
            }
            assert!(tokio::time::Instant::now() < end, "moto does not come up");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Runs a command of the operator on the stack: whether it succeeded, what it printed,
    /// and what it complained of.
    fn operate(&self, shop: &Shop, arguments: &[&str]) -> (bool, String, String) {
        let ran = shop
            .hub
            .command(arguments)
            .args(["--stack", STACK, "--region", REGION])
            .env("AWS_ENDPOINT_URL", &self.url)
            .env("AWS_ACCESS_KEY_ID", "test-key-id")
            .env("AWS_SECRET_ACCESS_KEY", "test-secret")
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .output()
            .expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (ran.status.success(), text(&ran.stdout), text(&ran.stderr))
    }

    /// A call of a service; moto reads which one from the signature's scope.
    async fn call(&self, service: &str, target: Option<&str>, body: String) -> String {
        let scope = format!(
            "AWS4-HMAC-SHA256 Credential=test-key-id/20261120/{REGION}/{service}/aws4_request, SignedHeaders=host, Signature=0"
        );
        let mut request = reqwest::Client::new()
            .post(&self.url)
            .header("authorization", scope)
            .body(body);
        request = match target {
            Some(target) => request
                .header("x-amz-target", target)
                .header("content-type", "application/x-amz-json-1.0"),
            None => request.header("content-type", "application/x-www-form-urlencoded"),
        };
        let answer = request.send().await.expect("moto answers");
        let status = answer.status();
        let text = answer.text().await.expect("a body");
        assert!(status.is_success(), "{text}");
        text
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_operator_reaches_a_stack() {
    let Some(moto) = Moto::start().await else {
        println!("skipped: moto's server is not installed");
        return;
    };
    let mut create = format!(
        "Action=CreateStack&Version=2010-05-15&StackName={STACK}&TemplateBody={}",
        encoded(TEMPLATE)
    );
    let id_key = "test-id-key-0123456789-0123456789-0123456789";
    for (number, (name, value)) in [("Secret", "{}"), ("IdKey", id_key)].iter().enumerate() {
        let made = json!({"Name": name, "SecretString": value});
        let target = Some("secretsmanager.CreateSecret");
        let made = moto.call("secretsmanager", target, made.to_string()).await;
        let made: Value = serde_json::from_str(&made).expect("JSON");
        let arn = made["ARN"].as_str().expect("an ARN");
        let member = format!("Parameters.member.{}", number + 1);
        create += &format!(
            "&{member}.ParameterKey={name}&{member}.ParameterValue={}",
            encoded(arn)
        );
    }
    moto.call("cloudformation", None, create).await;
    let mut shop = Shop::new("stack").await;
    // In the place of the deployed functions: takes the platform's PING.
    let front = serving::serve(Router::new().fallback(|| async { "" })).await;
    let front = front.expect("it is served");
    let public = shop.hub.url();
    shop.edit(&public, &front.base_url);

    let (ok, out, err) = moto.operate(&shop, &["apply", "shop.toml", "--yes", "--by", "ada"]);
    assert!(ok, "{out}{err}");
    assert!(out.contains("+ connection shop-chat (new)"), "{out}");
    assert!(
        out.contains("the webhook was made and switched on"),
        "{out}"
    );
    let (ok, out, err) = moto.operate(&shop, &["apply", "shop.toml", "--yes"]);
    assert!(
        ok && out.trim_end().ends_with("nothing to change"),
        "{out}{err}"
    );
    shop.edit(
        "preset = \"gladly\"",
        "preset = \"gladly\"\nbot_owes = \"45s\"",
    );
    let token = shop.gladly.config().api_token;
    shop.gladly
        .configure(|sim| sim.api_token = "test-gladly-token-2".to_owned());
    shop.edit(&token, "test-gladly-token-2");
    let (ok, out, err) = moto.operate(&shop, &["apply", "shop.toml", "--yes"]);
    assert!(
        ok && out.contains("secrets.api_token: changed"),
        "{out}{err}"
    );
    let (ok, out, err) = moto.operate(&shop, &["connections"]);
    assert!(
        ok && out.contains("shop-chat") && out.contains("on ("),
        "{out}{err}"
    );

    let (ok, token, err) = moto.operate(
        &shop,
        &["token", "create", "--role", "bot", "--name", "shop bot"],
    );
    assert!(ok && token.starts_with("bat_"), "{token}{err}");
    let (ok, out, err) = moto.operate(&shop, &["token", "list"]);
    assert!(
        ok && out.contains("shop bot") && !out.contains(token.trim()),
        "{out}{err}"
    );
    let (ok, _, err) = moto.operate(&shop, &["token", "revoke", "shop bot"]);
    assert!(ok, "{err}");
    let (ok, out, err) = moto.operate(&shop, &["token", "list"]);
    assert!(ok && out.contains("There are no tokens"), "{out}{err}");
    let (ok, out, err) = moto.operate(&shop, &["poison", "list"]);
    assert!(ok && out.contains("No webhook is kept"), "{out}{err}");

    let described = moto
        .call(
            "cloudformation",
            None,
            format!("Action=DescribeStacks&Version=2010-05-15&StackName={STACK}"),
        )
        .await;
    let queue = described
        .split("<OutputValue>")
        .filter_map(|rest| rest.split("</OutputValue>").next())
        .find(|value| value.starts_with("http"))
        .expect("the queue's URL")
        .to_owned();
    let tick = json!({
        "requestContext": {
            "functionArn": "arn:aws:lambda:eu-central-1:000000000000:function:shop-SweepFunction-x",
            "condition": "EventAgeExceeded"},
        "requestPayload": {"detail-type": "Scheduled Event"},
    });
    let send = json!({"QueueUrl": queue, "MessageBody": tick.to_string()});
    let sent = moto
        .call("sqs", Some("AmazonSQS.SendMessage"), send.to_string())
        .await;
    assert!(serde_json::from_str::<Value>(&sent).is_ok_and(|sent| sent["MessageId"].is_string()));
    let (ok, out, err) = moto.operate(&shop, &["dead-letters"]);
    assert!(ok && out.contains("sweep: the minute's tick"), "{out}{err}");
    assert!(out.contains("EventAgeExceeded"), "{out}");
    // Looking at it has not hidden it.
    let (ok, out, err) = moto.operate(&shop, &["dead-letters", "replay", "--all"]);
    assert!(ok && out.contains("nothing needed doing"), "{out}{err}");
    let (ok, out, err) = moto.operate(&shop, &["dead-letters"]);
    assert!(
        ok && out.contains("There are no dead letters"),
        "{out}{err}"
    );

    let (ok, _, err) = moto.operate(&shop, &["timeline", "thr_aaaaaaaaaaaaaaaaaaaaaaaaaa"]);
    assert!(!ok && err.contains("there is no conversation"), "{err}");
}
