//! The result of a comparison as a chart: a bar for each workload and server.
//!
//! The file stands alone: no fonts, scripts or images from elsewhere. It has colours for light and
//! for dark surroundings, and every bar has its figure, so nothing is told by colour alone.

use std::fmt::Write;

use super::comparison::{Comparison, Cost};

const WIDTH: f64 = 800.0;
/// Where bars begin and end; figures stand to the right of the longest.
const LEFT: f64 = 96.0;
const RIGHT: f64 = 690.0;
const TOP: f64 = 112.0;
const BAR: f64 = 13.0;
const BETWEEN_BARS: f64 = 2.0;
const BETWEEN_GROUPS: f64 = 14.0;
const BOTTOM: f64 = 88.0;

/// Steps of the axis: about so many, each 1, 2 or 5 times a power of ten.
const STEPS: f64 = 6.0;

const STYLE: &str = "\
    text { font-family: system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; font-size: 12px; fill: #24292f }
    .title { font-size: 17px; font-weight: 600 }
    .faint { fill: #57606a }
    .paper { fill: #ffffff }
    .grid { stroke: #d8dee4; stroke-width: 1 }
    .axis { stroke: #57606a; stroke-width: 1 }
    .a-user { fill: #0a5cc2 } .a-system { fill: #86b6f2 }
    .b-user { fill: #b35900 } .b-system { fill: #eeb27a }
    @media (prefers-color-scheme: dark) {
      text { fill: #e6edf3 }
      .faint { fill: #9da7b1 }
      .paper { fill: #0d1117 }
      .grid { stroke: #30363d }
      .axis { stroke: #9da7b1 }
      .a-user { fill: #58a6ff } .a-system { fill: #1f4f8f }
      .b-user { fill: #f0a050 } .b-system { fill: #7a4a1a }
    }
";

/// The file.
pub fn draw(comparison: &Comparison) -> String {
    let servers = comparison.names.len();
    let group = servers as f64 * (BAR + BETWEEN_BARS) + BETWEEN_GROUPS;
    let bottom = TOP + comparison.rows.len() as f64 * group;
    let height = bottom + BOTTOM;
    let costs = comparison.rows.iter().flat_map(|row| &row.costs);
    let scale = Scale::up_to(costs.map(Cost::sum_us).fold(0.0, f64::max));

    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\">\n\
         <title>Processor time of the server per key</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n"
    );
    text(
        &mut out,
        "title",
        20.0,
        32.0,
        "start",
        "What a key costs the server",
    );
    let below = "processor time, microseconds per key; shorter is better";
    text(&mut out, "faint", 20.0, 52.0, "start", below);
    legend(&mut out, &comparison.names);
    axis(&mut out, &scale, bottom);
    for (index, row) in comparison.rows.iter().enumerate() {
        let top = TOP + index as f64 * group + BETWEEN_GROUPS / 2.0;
        let middle = top + servers as f64 * (BAR + BETWEEN_BARS) / 2.0;
        text(
            &mut out,
            "",
            LEFT - 10.0,
            middle + 3.0,
            "end",
            row.workload.name,
        );
        for (server, cost) in row.costs.iter().enumerate() {
            bar(
                &mut out,
                &scale,
                top + server as f64 * (BAR + BETWEEN_BARS),
                server,
                cost,
            );
        }
    }
    let (machine, rest) = split_machine(&comparison.how);
    text(&mut out, "faint", 20.0, height - 26.0, "start", rest);
    text(&mut out, "faint", 20.0, height - 10.0, "start", machine);
    out.push_str("</svg>\n");
    out
}

/// The sentence about the machine, and those before it.
fn split_machine(how: &str) -> (&str, &str) {
    let at = how.find("Machine:").unwrap_or(how.len());
    (&how[at..], how[..at].trim_end())
}

/// Classes of colours begin with that.
fn class(server: usize) -> char {
    char::from(b'a' + server as u8)
}

fn legend(out: &mut String, names: &[String]) {
    let mut x = 20.0;
    for (server, name) in names.iter().enumerate() {
        for part in ["user", "system"] {
            rect(out, &format!("{}-{part}", class(server)), x, 68.0, BAR, BAR);
            let label = match part {
                "user" => format!("{name}: user"),
                _ => part.to_string(),
            };
            text(out, "", x + BAR + 6.0, 79.0, "start", &label);
            // Letters are about so wide.
            x += BAR + 6.0 + label.chars().count() as f64 * 7.0 + 14.0;
        }
        x += 16.0;
    }
}

fn axis(out: &mut String, scale: &Scale, bottom: f64) {
    let mut mark = 0.0;
    while mark <= scale.most + scale.step / 2.0 {
        let (x, kind) = (scale.x(mark), if mark == 0.0 { "axis" } else { "grid" });
        let _ = writeln!(
            out,
            "<line class=\"{kind}\" x1=\"{x:.1}\" y1=\"{TOP}\" x2=\"{x:.1}\" y2=\"{bottom}\"/>"
        );
        let label = format!("{mark:.*}", scale.decimals);
        text(out, "faint", x, bottom + 16.0, "middle", &label);
        mark += scale.step;
    }
    text(
        out,
        "faint",
        (LEFT + RIGHT) / 2.0,
        bottom + 34.0,
        "middle",
        "microseconds per key",
    );
}

fn bar(out: &mut String, scale: &Scale, y: f64, server: usize, cost: &Cost) {
    let class = class(server);
    let (user, end) = (scale.x(cost.user_us), scale.x(cost.sum_us()));
    rect(out, &format!("{class}-user"), LEFT, y, user - LEFT, BAR);
    rect(out, &format!("{class}-system"), user, y, end - user, BAR);
    text(
        out,
        "",
        end + 6.0,
        y + BAR - 2.5,
        "start",
        &format!("{:.2}", cost.sum_us()),
    );
}

fn rect(out: &mut String, class: &str, x: f64, y: f64, width: f64, height: f64) {
    let _ = writeln!(
        out,
        "<rect class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height}\"/>"
    );
}

fn text(out: &mut String, class: &str, x: f64, y: f64, anchor: &str, text: &str) {
    let class = if class.is_empty() {
        String::new()
    } else {
        format!(" class=\"{class}\"")
    };
    let escaped = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let _ = writeln!(
        out,
        "<text{class} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{escaped}</text>"
    );
}

/// What a length means.
struct Scale {
    step: f64,
    most: f64,
    decimals: usize,
}

impl Scale {
    /// A scale that ends at or after `longest`.
    fn up_to(longest: f64) -> Scale {
        let longest = longest.max(1e-6);
        let power = 10f64.powf((longest / STEPS).log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|times| times * power);
        let step = step
            .into_iter()
            .find(|step| longest / step <= STEPS)
            .unwrap_or(longest);
        Scale {
            step,
            most: (longest / step).ceil() * step,
            decimals: (-step.log10().floor()).max(0.0) as usize,
        }
    }

    fn x(&self, us: f64) -> f64 {
        LEFT + us / self.most * (RIGHT - LEFT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scale_holds_what_it_must_in_round_steps() {
        for (longest, step, most) in [
            (9.3, 2.0, 10.0),
            (0.61, 0.2, 0.8),
            (1.0, 0.2, 1.0),
            (30.0, 5.0, 30.0),
        ] {
            let scale = Scale::up_to(longest);
            assert!(
                (scale.step - step).abs() < 1e-9,
                "{longest}: {}",
                scale.step
            );
            assert!(
                (scale.most - most).abs() < 1e-9,
                "{longest}: {}",
                scale.most
            );
            assert!(scale.x(longest) <= RIGHT + 1e-9);
        }
    }
}
