//! A value over time as a figure of steps.

use super::data;
use super::markup::{Markup, Num};
use super::words::Words;

pub(super) const WIDTH: f64 = 720.0;
pub(super) const HEIGHT: f64 = 216.0;
/// Where the scale of time begins and ends.
pub(super) const LEFT: f64 = 76.0;
pub(super) const RIGHT: f64 = 706.0;
/// How much of that the unit needs at its end.
const UNIT: f64 = 70.0;
const TOP: f64 = 26.0;
const BOTTOM: f64 = 186.0;
/// About how many lines a scale has.
const TICKS: f64 = 5.0;

/// A figure.
pub(super) struct Plot<'a> {
    /// Where it is in the page.
    pub(super) id: &'a str,
    pub(super) title: &'a str,
    pub(super) unit: &'a str,
    /// What the lines and the crosses are.
    pub(super) note: &'a str,
    /// The moments that are seen, the same in all figures of a story.
    pub(super) span: (f64, f64),
    pub(super) lines: Vec<Line<'a>>,
    /// Moments that get a cross, each with a value.
    pub(super) crosses: Vec<(f64, f64)>,
    /// How many rows its table may have.
    pub(super) rows: usize,
    /// About how many steps a line may have.
    pub(super) steps: usize,
}

/// A line of a figure: its changes, and the value from then on.
pub(super) struct Line<'a> {
    pub(super) name: &'a str,
    /// Whether it is a limit, which is drawn dashed.
    pub(super) dashed: bool,
    pub(super) points: Vec<(f64, f64)>,
}

/// What is seen of the plane.
pub(super) struct View {
    x: (f64, f64),
    y: (f64, f64),
    /// Whether all values are whole numbers.
    are_whole: bool,
}

impl Plot<'_> {
    /// The figure with its data, or nothing where there is nothing to see.
    pub(super) fn figure(mut self, words: &Words) -> Markup {
        let mut out = Markup::default();
        for line in &mut self.lines {
            line.points.retain(|(at, value)| at.is_finite() && value.is_finite());
        }
        let all = || self.lines.iter().flat_map(|line| &line.points).chain(&self.crosses);
        if self.lines.iter().all(|line| line.points.is_empty()) {
            return out;
        }
        let view = View::of(self.span, all().map(|point| point.1));
        let id = self.id;
        out.fill("<h4>{}</h4><figure class=\"plot\">", &[&self.title]);
        out.fill(
            "<svg role=\"img\" viewBox=\"0 0 {} {}\" aria-labelledby=\"{}-t {}-d\">",
            &[&Num(WIDTH), &Num(HEIGHT), &id, &id],
        );
        out.fill("<title id=\"{}-t\">{}</title><desc id=\"{}-d\">", &[&id, &self.title, &id]);
        let (low, high) = range(all().map(|point| point.1));
        let (count, long) = (all().count(), view.x.1 - view.x.0);
        out.fill(words.plot_of, &[&count, &format!("{long:.0}"), &low, &high, &self.unit]);
        out.raw("</desc>");
        view.grid(&mut out, self.unit);
        for (at, line) in self.lines.iter().enumerate() {
            view.line(&mut out, line, at, self.steps);
        }
        for (at, value) in &self.crosses {
            let (x, y) = (view.px(*at), view.py(*value));
            out.fill(
                "<path class=\"x\" d=\"M{} {}l8 8m0 -8l-8 8\"/>",
                &[&Num(x - 4.0), &Num(y - 4.0)],
            );
        }
        out.raw("</svg><figcaption>");
        if self.lines.len() > 1 && !self.lines.iter().any(|line| line.dashed) {
            for (at, line) in self.lines.iter().enumerate() {
                out.fill("<span class=\"k{}\">━ {}</span> ", &[&at, &line.name]);
            }
        }
        out.text(self.note).raw("</figcaption>");
        self.table(&mut out, words);
        out.raw("</figure>");
        out
    }

    /// The figure's data, in the order of time.
    fn table(&self, out: &mut Markup, words: &Words) {
        let mut rows: Vec<(f64, [String; 2])> = Vec::new();
        for line in &self.lines {
            let row = |(at, value): &(f64, f64)| (*at, [line.name.to_owned(), value.to_string()]);
            rows.extend(line.points.iter().map(row));
        }
        rows.sort_by(|a, b| a.0.total_cmp(&b.0));
        let cells = |(at, [name, value]): (f64, [String; 2])| vec![format!("{at:.3}"), name, value];
        let rows: Vec<Vec<String>> = rows.into_iter().map(cells).collect();
        let columns = ["ms".to_owned(), words.line.to_owned(), self.unit.to_owned()];
        out.fill("<details><summary>{}</summary>", &[&words.data]);
        out.add(&data::table(self.title, &columns, &rows, self.rows, words));
        out.raw("</details>");
    }
}

impl View {
    pub(super) fn of(span: (f64, f64), values: impl Iterator<Item = f64>) -> Self {
        let mut are_whole = true;
        let y = range(values.inspect(|value| are_whole &= value.fract() == 0.0));
        // A value is seen beside zero.
        let y = (y.0.min(0.0), y.1.max(0.0));
        let high = if y.1 > y.0 { (y.1 - y.0) * 1.08 } else { 1.0 };
        Self { x: span, y: (y.0, y.0 + high), are_whole }
    }

    pub(super) fn px(&self, at: f64) -> f64 {
        LEFT + share(at, self.x) * (RIGHT - LEFT)
    }

    pub(super) fn py(&self, value: f64) -> f64 {
        BOTTOM - (value - self.y.0) / (self.y.1 - self.y.0) * (BOTTOM - TOP)
    }

    pub(super) fn grid(&self, out: &mut Markup, unit: &str) {
        // Between two things that are counted there is none.
        let is_count = self.y.1 <= TICKS && self.are_whole;
        for (value, shown) in ticks(self.y) {
            if is_count && value.fract() != 0.0 {
                continue;
            }
            let shown = if is_count { format!("{value:.0}") } else { short(value, shown) };
            let y = self.py(value);
            out.fill(
                "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
                &[&Num(LEFT), &Num(y), &Num(RIGHT), &Num(y)],
            );
            out.fill(
                "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                &[&Num(LEFT - 6.0), &Num(y + 4.0), &shown],
            );
        }
        for (at, shown) in moments(self.x) {
            let x = self.px(at);
            out.fill(
                "<line class=\"grid\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>",
                &[&Num(x), &Num(BOTTOM), &Num(x), &Num(BOTTOM + 5.0)],
            );
            out.fill(
                "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                &[&Num(x), &Num(BOTTOM + 18.0), &shown],
            );
        }
        out.fill(
            "<text class=\"t\" x=\"{}\" y=\"{}\" text-anchor=\"end\">ms</text>",
            &[&Num(RIGHT), &Num(BOTTOM + 18.0)],
        );
        out.fill("<text class=\"t\" x=\"{}\" y=\"{}\">{}</text>", &[&Num(4.0), &Num(12.0), &unit]);
    }

    /// A line of steps. Where several changes fall on one place, only their extremes are drawn.
    fn line(&self, out: &mut Markup, line: &Line<'_>, at: usize, steps: usize) {
        let least = ((RIGHT - LEFT) / steps.max(1) as f64).max(0.5);
        let Some((first, _)) = line.points.first() else { return };
        let class = if line.dashed { "dash" } else { "step" };
        out.fill("<path class=\"{} k{}\" d=\"", &[&class, &at]);
        let mut last_y = None;
        let mut points =
            line.points.iter().map(|(at, value)| (self.px(*at), self.py(*value))).peekable();
        while let Some((x, y)) = points.next() {
            let (mut low, mut high, mut end) = (y, y, y);
            while let Some((_, y)) = points.next_if(|(next, _)| next - x < least) {
                (low, high, end) = (low.min(y), high.max(y), y);
            }
            if last_y.is_none() {
                out.fill("M{} {}", &[&Num(self.px(*first)), &Num(y)]);
            } else {
                out.fill("H{}V{}", &[&Num(x), &Num(y)]);
            }
            if low < high {
                out.fill("V{}V{}V{}", &[&Num(low), &Num(high), &Num(end)]);
            }
            last_y = Some(end);
        }
        out.fill("H{}\"/>", &[&Num(RIGHT)]);
    }
}

/// The least and the greatest.
pub(super) fn range(values: impl Iterator<Item = f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), v| (low.min(v), high.max(v)))
}

/// A round value of many digits in few: `1.5M`.
fn short(value: f64, shown: String) -> String {
    match value.abs() {
        1e6.. => format!("{}M", value / 1e6),
        1e4.. => format!("{}k", value / 1e3),
        _ => shown,
    }
}

/// How far a moment is from the beginning of a scale to its end. What is beyond is drawn there.
pub(super) fn share(at: f64, (from, until): (f64, f64)) -> f64 {
    let share = (at - from) / (until - from);
    if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
}

/// The round moments of a scale of time, without those in whose place the unit stands.
pub(super) fn moments(span: (f64, f64)) -> impl Iterator<Item = (f64, String)> {
    let most = 1.0 - UNIT / (RIGHT - LEFT);
    ticks(span).into_iter().filter(move |(at, _)| share(*at, span) <= most)
}

/// Round values of a range, each as it is written.
fn ticks((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let rough = (high - low) / TICKS;
    if !rough.is_finite() || rough <= 0.0 {
        return Vec::new();
    }
    let power = rough.log10().floor();
    let unit = 10_f64.powf(power);
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|step| *step >= rough);
    let step = step.unwrap_or(unit * 10.0);
    let decimals = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else {
        3
    };
    let first = (low / step).ceil();
    (0..12)
        .map(|n| (first + f64::from(n)) * step)
        .take_while(|value| *value <= high)
        .map(|value| (value, format!("{:.decimals$}", value + 0.0)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_round_values() {
        let shown = |range| ticks(range).into_iter().map(|(_, text)| text).collect::<Vec<_>>();
        assert_eq!(shown((0.0, 10.0)), ["0", "2", "4", "6", "8", "10"]);
        assert_eq!(shown((3.0, 1040.0)), ["500", "1000"]);
        assert_eq!(shown((0.0, 0.9)), ["0.0", "0.2", "0.4", "0.6", "0.8"]);
        assert_eq!(short(1_500_000.0, String::new()), "1.5M");
        assert_eq!(short(20_000.0, String::new()), "20k");
        assert_eq!(short(5000.0, "5000".into()), "5000");
        assert!(shown((0.0, f64::INFINITY)).is_empty());
        assert!(ticks((1e300, 2e300)).len() <= 12);
    }
}
