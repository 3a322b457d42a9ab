//! The curve by which a force chooses its point: true persons recognised against strangers taken for somebody on record.

use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 310.0;
const TOP: f64 = 40.0;
const RIGHT: f64 = 620.0;
/// Shares of strangers that are drawn, from and to; the axis is logarithmic.
const FALSE_FROM: f64 = 0.001;
const FALSE_TO: f64 = 0.3;
/// The vertical axis begins here: below, nobody would choose a point.
const TRUE_FROM: f64 = 0.6;

/// The share of `present` above the score that a share of `absent` reaches. `present` are the scores of true persons that
/// stand first; `asked` is how many were asked for.
pub(super) fn recognised(present: &[f64], asked: usize, absent: &mut [f64], share: f64) -> f64 {
    absent.sort_by(|a, b| b.total_cmp(a));
    let at = (share * absent.len() as f64).floor() as usize;
    let threshold = absent.get(at).copied().unwrap_or(0.0);
    present.iter().filter(|s| **s > threshold).count() as f64 / asked.max(1) as f64
}

/// Draws it.
pub(super) fn svg(title: &str, present: &[f64], asked: usize, absent: &mut [f64]) -> String {
    let x = |share: f64| LEFT + (share / FALSE_FROM).ln() / (FALSE_TO / FALSE_FROM).ln() * (RIGHT - LEFT);
    let y = |share: f64| BOTTOM - (share.max(TRUE_FROM) - TRUE_FROM) / (1.0 - TRUE_FROM) * (BOTTOM - TOP);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n\
         <text x=\"{LEFT}\" y=\"22\" font-size=\"15\">{title}</text>\n"
    );
    for share in [0.001, 0.003, 0.01, 0.03, 0.1, 0.3] {
        let at = x(share);
        let _ = writeln!(
            out,
            "<line x1=\"{at:.1}\" y1=\"{TOP}\" x2=\"{at:.1}\" y2=\"{BOTTOM}\" stroke=\"#ddd\"/><text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{}%</text>",
            BOTTOM + 16.0,
            share * 100.0
        );
    }
    for step in 0..=4 {
        let share = TRUE_FROM + f64::from(step) * 0.1;
        let at = y(share);
        let _ = writeln!(
            out,
            "<line x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{RIGHT}\" y2=\"{at:.1}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0}%</text>",
            LEFT - 6.0,
            at + 4.0,
            share * 100.0
        );
    }
    let mut points = String::new();
    for i in 0..=80 {
        let share = FALSE_FROM * (FALSE_TO / FALSE_FROM).powf(f64::from(i) / 80.0);
        let _ = write!(points, "{:.1},{:.1} ", x(share), y(recognised(present, asked, absent, share)));
    }
    let _ = write!(
        out,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#1450a0\" stroke-width=\"2.5\"/>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">strangers shown above the threshold</text>\n\
         <text x=\"16\" y=\"{}\" text-anchor=\"middle\" transform=\"rotate(-90 16 {})\">true persons first and above it</text>\n</svg>\n",
        points.trim_end(),
        f64::midpoint(LEFT, RIGHT),
        BOTTOM + 36.0,
        f64::midpoint(TOP, BOTTOM),
        f64::midpoint(TOP, BOTTOM),
    );
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_is_what_the_share_of_strangers_reaches() {
        let mut absent: Vec<f64> = (0..100).map(|n| f64::from(n) / 100.0).collect();
        // One in a hundred: the stranger at .99 is above the threshold of .98.
        assert_eq!(recognised(&[0.985, 0.975, 0.5], 4, &mut absent, 0.01), 0.25);
        assert_eq!(recognised(&[0.985, 0.975, 0.5], 4, &mut absent, 1.0), 0.75);
        assert!(svg("a curve", &[0.9], 1, &mut absent).ends_with("</svg>\n"));
    }
}
