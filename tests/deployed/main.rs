//! The hub as somebody deploys it: the guide's commands, taken from its page and run as
//! they stand, make a stack in stand-ins for AWS; the functions' real programs run in the
//! environment that the stack gives them; and a conversation is played end to end.
//!
//! | AWS has | here it is |
//! |---|---|
//! | CloudFormation, its transform, S3, Secrets Manager, EventBridge, SQS, CloudWatch, IAM | moto and aws-sam-translator: `stand-in`, a program beside this file |
//! | DynamoDB and its stream | Amazon's DynamoDB Local, with the table that the stack defines |
//! | Lambda | real processes under the Runtime API, with the stack's environment |
//! | API Gateway, the minute rule | the local hub's, by the template's routes and schedules |
//! | event source mappings | `stream`: the template's filters, windows and partial failures |
//!
//! | module | subject |
//! |---|---|
//! | `guide` | the commands of a page |
//! | `stand` | the stand-in's process, and calls of its services |
//! | `stream` | the table's stream, brought to the functions |
//! | `bus` | a bus that refuses some entries, and a queue behind it |
//! | `deployment` | everything together |
//! | `journey` | what is shown |
//! | `given_up` | a batch that both consumers gave up, replayed by the operator |
//! | `released` | what an upgrade would change |
//! | `rotated` | new secrets, without anything valid refused |
//! | `restored` | the table is lost and restored, and the hub goes on |
//!
//! Where moto, aws-sam-cli or DynamoDB Local is not installed it says that it is skipped;
//! `tests/run` installs them.

mod bus;
mod deployment;
mod given_up;
mod guide;
mod journey;
mod released;
mod restored;
mod rotated;
mod stand;
mod stream;
