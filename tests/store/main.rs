//! The log store against two engines: the embedded one, and Amazon's DynamoDB
//! Local, which `install-dynamodb-local` puts under `target/`. What holds on both
//! is what the hub may rely on.
//!
//! | module | subject |
//! |---|---|
//! | `engines` | the two engines and their tables |
//! | `material` | entries, rows and names to store |
//! | `log`, `checkpoint`, `repair` | a thread: append and load, its two halves, what is broken or newer |
//! | `due` | arming, the index of what is due, waiting events, the lease |
//! | `rows`, `records`, `poison` | what is derived, single items, webhooks that could not be used |
//! | `golden`, `chronicle` | the stored form of every release, and the threads in it |
//! | `units`, `conversation` | what a conversation costs |
//!
//! A case takes a table of its own and is an `async fn`. The embedded engine runs
//! each as a test; DynamoDB Local, slow to start, runs them all in one.

// Everything here is a test, also what is no `#[test]` itself.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod checkpoint;
mod chronicle;
mod due;
mod engines;
mod golden;
mod log;
mod material;
mod poison;
mod records;
mod repair;
mod rows;
mod units;

/// Runs every case on both engines.
macro_rules! contract {
    ($($room:ident: $($case:ident),+;)+) => {
        mod embedded {
            $(mod $room {
                $(#[tokio::test]
                async fn $case() {
                    crate::$room::$case(&crate::engines::embedded().await).await;
                })+
            })+
        }

        #[tokio::test]
        async fn dynamodb_local() {
            let Some(server) = engines::Amazon::start().await else { return };
            $($(
                println!("{}::{}", stringify!($room), stringify!($case));
                $room::$case(&server.table().await).await;
            )+)+
        }
    };
}

contract! {
    log:
        an_unknown_thread_is_empty,
        what_was_appended_is_read,
        a_log_has_no_gaps_and_no_doubles,
        a_refused_append_returns_what_stands,
        a_lost_answer_is_recognised,
        who_saw_an_entry_reads_at_half_the_price,
        many_writers_leave_one_order,
        a_long_tail_is_paged,
        a_tail_behind_a_checkpoint_is_paged,
        entries_are_read_ascending,
        a_search_goes_back_and_stops,
        expired_entries_still_count,
        everything_expires_late_enough,
        an_entry_may_be_too_large;
    checkpoint:
        the_first_writer_makes_both_halves,
        a_state_is_only_replaced_by_a_newer,
        a_time_is_only_replaced_where_it_was_read,
        each_half_lives_without_the_other,
        a_lost_race_for_the_state_still_puts_the_time,
        a_wake_keeps_a_silent_thread_alive,
        nothing_armed_makes_no_item;
    repair:
        a_hole_is_an_error,
        a_newer_entry_is_an_error,
        a_newer_checkpoint_is_left_alone,
        an_unreadable_checkpoint_is_replaced,
        garbage_beside_the_log_is_ignored;
    due:
        an_armed_entry_is_due_at_the_second_after,
        what_is_not_armed_is_not_in_the_index,
        a_woken_thread_is_disarmed_and_armed_again,
        candidates_come_in_pages,
        a_waiting_event_waits_once,
        the_newest_tick_has_the_lease;
    rows:
        a_row_is_replaced_by_a_newer_only,
        an_open_row_moves_with_its_holder,
        open_rows_come_the_longest_first_and_in_pages,
        rows_of_a_day_come_by_opening_and_in_pages;
    poison:
        poison_is_kept_and_cut,
        poison_is_noted_and_removed,
        poison_costs_one_unit_and_expires;
    records:
        a_name_belongs_to_the_newest,
        tokens_and_settings_are_replaced,
        settings_are_replaced_by_who_has_read_them,
        a_revoked_token_ends_within_a_minute,
        a_key_holds_for_a_day_and_one_body,
        a_seat_is_freed_once,
        records_expire;
}
