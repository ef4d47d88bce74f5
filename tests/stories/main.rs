//! Stories: the whole hub over real sockets, a simulated Gladly that checks what it
//! gets, and a sample bot. The oracle is what the platform and the bot saw.

mod bus;
mod conversation;
mod crash;
mod deadlines;
mod described;
mod doctor;
mod erase;
mod gate;
mod handover;
mod hostile;
mod operator;
mod poison;
mod privacy;
mod process;
mod questions;
mod repair;
mod repeats;
mod rotation;
mod routes;
mod stack;
mod stage;
mod trouble;
mod weather;
