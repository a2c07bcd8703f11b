//! The summary of a run, as text and as JSON.

use std::fmt::Write;

use crate::load::{BUSY, Load, Summary};
use crate::option_types::Count;
use crate::options::Value;
use crate::results::Kind;
use memcached::histogram::{ERROR_MAX, Histogram};

/// Percentiles that are shown, and how they are called.
const PERCENTILES: [(f64, &str); 4] =
    [(50.0, "p50"), (90.0, "p90"), (99.0, "p99"), (99.9, "p99.9")];

const KINDS: [Kind; 2] = [Kind::Get, Kind::Set];

/// For people.
pub fn text(options: &Load, summary: &Summary) -> String {
    let results = &summary.results;
    let seconds = summary.took.as_secs_f64();
    let per_second = |number: u64| number as f64 / seconds.max(1e-9);
    let mut out = String::new();
    line(&mut out, "load", &what(options));
    let counts = format!(
        "{} in {seconds:.2} s, {:.0} per second",
        results.all_requests(),
        per_second(results.all_requests())
    );
    line(&mut out, "requests", &counts);
    let counts = format!(
        "{}, {:.0} per second",
        results.keys,
        per_second(results.keys)
    );
    line(&mut out, "keys", &counts);
    let asked = results.hits + results.misses;
    if asked > 0 {
        let percent = 100.0 * results.hits as f64 / asked as f64;
        let counts = format!("{} of {asked} keys, {percent:.2} %", results.hits);
        line(&mut out, "found", &counts);
    }
    let megabytes = |bytes: u64| per_second(bytes) / 1e6;
    let traffic = format!(
        "{:.1} MB/s sent, {:.1} MB/s received",
        megabytes(results.sent),
        megabytes(results.received)
    );
    line(&mut out, "traffic", &traffic);
    for (name, latency) in latencies(summary) {
        line(&mut out, &format!("{name} us"), &percentiles(&latency));
    }
    let since = match options.rate {
        Some(_) => "from when a request was due",
        None => "from when a batch was begun",
    };
    let bound = ERROR_MAX * 100.0;
    line(
        &mut out,
        "",
        &format!("to the reply, {since}; percentiles up to {bound:.1} % too high"),
    );
    if let Some(server) = summary.server {
        let per_key = |us: u64| us as f64 / results.keys.max(1) as f64;
        let (user, system) = (per_key(server.user_us), per_key(server.system_us));
        let sum = user + system;
        let cost = format!("{sum:.3} us per key: user {user:.3}, system {system:.3}");
        line(&mut out, "server CPU", &cost);
    }
    if let Some(busiest) = summary.busiest {
        let percent = busiest * 100.0;
        let share =
            format!("the busiest thread ran, or waited for a core, {percent:.0} % of the time");
        line(&mut out, "our CPU", &share);
    }
    out.push_str(&remarks(options, summary));
    out
}

/// What was asked for.
fn what(options: &Load) -> String {
    let many = |count: Count, what: &str| {
        let plural = if count.0 == 1 { "" } else { "s" };
        format!("{} {what}{plural}", count.0)
    };
    let pace = match options.rate {
        Some(rate) => format!("{} requests per second", rate.0),
        None => "as fast as replies come".to_string(),
    };
    format!(
        "{}, {}, {}, {} in flight on each, {}, {pace}",
        options.server,
        options.protocol.show(),
        many(options.connections, "connection"),
        options.pipeline.0,
        many(options.threads, "thread"),
    )
}

/// What a reader must know about the figures.
fn remarks(options: &Load, summary: &Summary) -> String {
    let results = &summary.results;
    let mut out = String::new();
    if results.troubles() > 0 {
        let counts = format!(
            "{} wrong values, {} error replies, {} requests not answered, {} connections lost",
            results.wrong, results.refused, results.unanswered, results.lost
        );
        line(&mut out, "TROUBLE", &counts);
        for (message, times) in &results.messages {
            line(&mut out, "", &format!("{times} x {message}"));
        }
    }
    if is_busy(summary) {
        let advice = "The generator was the limit, not the server: use more threads (-t), or a core that is free.";
        line(&mut out, "NOTE", advice);
    }
    if results.misses > 0 && results.hits == 0 && !options.fill {
        line(
            &mut out,
            "NOTE",
            "No key was found; --fill stores them first.",
        );
    }
    out
}

/// Whether one of our threads had no time left.
fn is_busy(summary: &Summary) -> bool {
    summary.busiest.is_some_and(|busiest| busiest >= BUSY)
}

fn line(out: &mut String, name: &str, what: &str) {
    let _ = writeln!(out, "{name:12}{what}");
}

/// Latencies of all requests, and of each kind if there are both.
fn latencies(summary: &Summary) -> Vec<(String, Histogram)> {
    let mut all = Histogram::new();
    let mut list = Vec::new();
    let Some(latency) = &summary.results.latency else {
        return list;
    };
    for kind in KINDS {
        let of_kind = &latency[kind as usize];
        all.add(of_kind);
        list.push((kind.to_string(), of_kind.clone()));
    }
    if list.iter().any(|(_, of_kind)| of_kind.count() == 0) {
        list.clear();
    }
    list.insert(0, ("latency".to_string(), all));
    list
}

fn percentiles(latency: &Histogram) -> String {
    let mut out = String::new();
    for (percent, name) in PERCENTILES {
        let _ = write!(
            out,
            "{name} {:.1}  ",
            microseconds(latency.percentile(percent))
        );
    }
    let _ = write!(
        out,
        "max {:.1}  mean {:.1}",
        microseconds(latency.max()),
        latency.mean() / 1e3
    );
    out
}

fn microseconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e3
}

/// For programs: one object on one line.
pub fn json(options: &Load, summary: &Summary) -> String {
    let results = &summary.results;
    let seconds = summary.took.as_secs_f64().max(1e-9);
    let mut out = Object::new();
    out.text("server", &options.server.show());
    out.text("protocol", &options.protocol.show());
    out.number("connections", options.connections.0 as f64);
    out.number("pipeline", options.pipeline.0 as f64);
    out.number("threads", options.threads.0 as f64);
    if let Some(rate) = options.rate {
        out.number("rate", rate.0);
    }
    out.number("seconds", summary.took.as_secs_f64());
    out.number("requests", results.all_requests() as f64);
    out.number("gets", results.requests[Kind::Get as usize] as f64);
    out.number("sets", results.requests[Kind::Set as usize] as f64);
    out.number("keys", results.keys as f64);
    out.number("keys_per_second", results.keys as f64 / seconds);
    out.number("hits", results.hits as f64);
    out.number("misses", results.misses as f64);
    out.number("bytes_sent", results.sent as f64);
    out.number("bytes_received", results.received as f64);
    for (name, latency) in latencies(summary) {
        let mut inner = Object::new();
        for (percent, name) in PERCENTILES {
            inner.number(name, microseconds(latency.percentile(percent)));
        }
        inner.number("max", microseconds(latency.max()));
        inner.number("mean", latency.mean() / 1e3);
        inner.number("count", latency.count() as f64);
        let name = if name == "latency" {
            "latency_us".into()
        } else {
            format!("{name}_latency_us")
        };
        out.raw(&name, &inner.end());
    }
    if let Some(server) = summary.server {
        out.number("server_user_us", server.user_us as f64);
        out.number("server_system_us", server.system_us as f64);
    }
    if let Some(busiest) = summary.busiest {
        out.number("busiest_thread", busiest);
    }
    out.raw(
        "generator_was_the_limit",
        if is_busy(summary) { "true" } else { "false" },
    );
    out.number("wrong_values", results.wrong as f64);
    out.number("error_replies", results.refused as f64);
    out.number("unanswered", results.unanswered as f64);
    out.number("connections_lost", results.lost as f64);
    let mut messages = Object::new();
    for (message, times) in &results.messages {
        messages.number(message, *times as f64);
    }
    out.raw("messages", &messages.end());
    out.end() + "\n"
}

/// A JSON object under construction.
struct Object(String);

impl Object {
    fn new() -> Object {
        Object("{".to_string())
    }

    /// Adds a value that is JSON already.
    fn raw(&mut self, name: &str, value: &str) {
        let comma = if self.0.len() > 1 { ", " } else { "" };
        let _ = write!(self.0, "{comma}{}: {value}", quoted(name));
    }

    fn number(&mut self, name: &str, value: f64) {
        // Enough digits for any count and any time here, and never an exponent or a word.
        let value = if value.fract() == 0.0 {
            format!("{value:.0}")
        } else {
            format!("{value:.6}")
        };
        self.raw(name, &value);
    }

    fn text(&mut self, name: &str, value: &str) {
        self.raw(name, &quoted(value));
    }

    fn end(self) -> String {
        self.0 + "}"
    }
}

fn quoted(text: &str) -> String {
    let mut out = "\"".to_string();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            '\0'..='\x1f' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_quotes_what_it_must() {
        let mut object = Object::new();
        object.text("a\"b", "c\\d\ne\u{7f}ä");
        object.number("whole", 12345678901.0);
        object.number("part", 0.25);
        let expected = r#"{"a\"b": "c\\d\u000aeä", "whole": 12345678901, "part": 0.250000}"#;
        assert_eq!(object.end().replace('\u{7f}', ""), expected);
    }
}
