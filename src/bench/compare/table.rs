//! The result of a comparison as text.

use std::fmt::Write;

use super::comparison::{Comparison, Cost, Row};
use super::workloads::FEW_AND_MANY;
use crate::options::fold;

const HEADING: &str = "WHAT A KEY COSTS";

/// Lines of text are not longer.
const WIDTH: usize = 78;

/// All of it.
pub fn text(comparison: &Comparison) -> String {
    let mut out = format!("{HEADING}\n\n");
    let about = "Processor time of the server, in microseconds per key, user and system; thousands of \
        keys per second; 99th percentile of a request's latency in microseconds. Medians. Made by \
        `make bench`; memcached-bench(1) tells more.";
    out.push_str(&folded(about));
    out.push_str(&folded(&comparison.how));
    out.push('\n');
    for (index, name) in comparison.names.iter().enumerate() {
        let _ = writeln!(out, "    {}  {name}", letter(index));
    }
    out.push('\n');
    out.push_str(&heading(comparison));
    for row in &comparison.rows {
        let _ = writeln!(out, "{}", line(row));
    }
    if let Some(extra) = many_against_few(comparison) {
        let _ = write!(out, "\n{extra}");
    }
    let was_limit = |row: &Row| row.costs.iter().any(|cost| cost.generator_was_the_limit);
    if comparison.rows.iter().any(was_limit) {
        out.push('\n');
        out.push_str(&folded(
            "* The generator was the limit: the server could do more keys per \
            second. What a key costs holds nevertheless.",
        ));
    }
    out.push('\n');
    for row in &comparison.rows {
        let _ = writeln!(out, "    {:9} {}", row.workload.name, row.workload.about);
    }
    out.push('\n');
    out.push_str(&folded(
        "If not said otherwise: 50 connections, values of 100 bytes, 100,000 keys \
        of 14 bytes, each as likely as any other; 20,000 keys where values have 4096 bytes.",
    ));
    out
}

fn letter(index: usize) -> char {
    char::from(b'A' + index as u8)
}

fn heading(comparison: &Comparison) -> String {
    let mut out = format!("{:9}", "");
    for index in 0..comparison.names.len() {
        let _ = write!(out, " {:>5} {:24}", letter(index), "us/key");
    }
    out.push_str(if comparison.names.len() > 1 {
        "  B / A\n"
    } else {
        "\n"
    });
    let _ = write!(out, "{:9}", "workload");
    for _ in &comparison.names {
        let _ = write!(
            out,
            " {:>12}  {:>8} {:>7}",
            "user+system", "k keys/s", "p99"
        );
    }
    out.push('\n');
    out
}

/// One row: what it costs each, and how they compare.
pub fn line(row: &Row) -> String {
    let mut out = format!("{:9}", row.workload.name);
    for cost in &row.costs {
        out.push_str(&cell(cost));
    }
    if let Some(ratio) = row.ratio {
        let _ = write!(out, " {ratio:6.2}");
    }
    out
}

fn cell(cost: &Cost) -> String {
    let mark = if cost.generator_was_the_limit {
        '*'
    } else {
        ' '
    };
    let parts = format!("{:.3}+{:.3}", cost.user_us, cost.system_us);
    let thousands = cost.keys_per_second / 1e3;
    format!(" {parts:>12} {thousands:8.0}{mark} {:7.0}", cost.p99_us)
}

/// What it costs that there are many items.
fn many_against_few(comparison: &Comparison) -> Option<String> {
    let find = |name| comparison.rows.iter().find(|row| row.workload.name == name);
    let (few, many) = (find(FEW_AND_MANY.0)?, find(FEW_AND_MANY.1)?);
    let mut out = format!("{} / {}:", many.workload.name, few.workload.name);
    for (index, (few, many)) in few.costs.iter().zip(&many.costs).enumerate() {
        let ratio = many.sum_us() / few.sum_us();
        let _ = write!(out, "  {} {ratio:.2}", letter(index));
    }
    Some(out + "\n")
}

/// A paragraph in lines.
fn folded(text: &str) -> String {
    fold(text, WIDTH).join("\n") + "\n"
}
