//! memcached-bench: loads a memcached, and tells what its requests cost and how long they take.
//!
//! ```text
//! main      what was asked for
//!   load      options of a run; its phases: fill, warm-up, load
//!     load_thread   when to send what on which connection
//!       connection   bytes out and in        inflight   replies held against requests
//!         wire         the three protocols: requests to bytes, bytes to pieces of replies
//!     report    the summary, as text and as JSON
//!   compare   servers in turn under a table of workloads: text and chart
//!
//! keys, payload   what is asked for and stored     results                 what is counted
//! cpu             processor time                   options, option_types   the command line
//! ```
//!
//! Load threads share nothing but the [`load_thread::Job`], which does not change, and a number each
//! that the progress line shows.

#![forbid(unsafe_code)]
// Help texts are doc comments, too, and they show values as <words>.
#![allow(rustdoc::invalid_html_tags)]

#[macro_use]
mod options;

mod compare;
mod connection;
mod cpu;
mod inflight;
mod keys;
mod load;
mod load_thread;
mod login;
mod option_types;
mod output;
mod payload;
mod progress;
mod report;
mod results;

use std::ffi::OsString;
use std::process::exit;

use memcached::log;

use compare::Compare;
use load::Load;
use options::Table;
use output::print;

/// Wrong values, error replies, requests that were not answered.
const TROUBLE: i32 = 1;
/// What was asked for cannot be done: options, no server.
const REFUSED: i32 = 2;

fn main() {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first() {
        Some(word) if word == "compare" => {
            let options: Compare = options_of(&words[1..], |options: &Compare| options.help);
            compare::run(&options).unwrap_or_else(|complaint| refuse(&complaint));
        }
        _ => load(&words),
    }
}

fn load(words: &[OsString]) {
    let options: Load = options_of(words, |options: &Load| options.help);
    if options.version {
        return print(concat!("memcached-bench ", env!("CARGO_PKG_VERSION"), "\n"));
    }
    let summary = load::run(&options).unwrap_or_else(|complaint| refuse(&complaint));
    match options.json {
        true => print(&report::json(&options, &summary)),
        false => print(&report::text(&options, &summary)),
    }
    if summary.results.troubles() > 0 {
        exit(TROUBLE);
    }
}

/// The options, unless they are refused or only their explanation was wanted.
fn options_of<T: Table>(words: &[OsString], wants_help: impl Fn(&T) -> bool) -> T {
    let options = options::read(words).unwrap_or_else(|complaint| {
        let command = if T::COMMAND.is_empty() { "" } else { " " };
        let hint = format!("try: memcached-bench{command}{} --help", T::COMMAND);
        refuse(&format!("{complaint}\n{hint}"))
    });
    if wants_help(&options) {
        print(&format!("{}\n{}", T::USAGE, options::help::<T>()));
        exit(0);
    }
    options
}

fn refuse(complaint: &str) -> ! {
    log!("memcached-bench: {complaint}");
    exit(REFUSED);
}
