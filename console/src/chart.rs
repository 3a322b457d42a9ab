//! Charts as SVG: drawn by the hub, coloured by the style sheet, each with its numbers in words.

use maud::{Markup, html};

const WIDTH: usize = 720;
const HEIGHT: usize = 120;

/// Bars over time; `says` is the whole of it in words.
pub(crate) fn bars(values: &[u64], left: &str, right: &str, says: &str) -> Markup {
    let top = values.iter().copied().max().unwrap_or(0).max(1);
    let step = WIDTH as f64 / values.len().max(1) as f64;
    html! {
        figure.chart {
            svg role="img" aria-label=(says) viewBox={ "0 0 " (WIDTH) " " (HEIGHT + 24) } {
                @for part in [0.5, 1.0] {
                    @let y = HEIGHT as f64 * (1.0 - part) + 1.0;
                    line.grid x1="0" x2=(WIDTH) y1=(format!("{y:.1}")) y2=(format!("{y:.1}")) {}
                }
                @for (n, value) in values.iter().enumerate() {
                    @let high = (HEIGHT as f64 - 4.0) * *value as f64 / top as f64;
                    @let high = if *value > 0 { high.max(2.0) } else { 0.0 };
                    rect.bar x=(format!("{:.1}", n as f64 * step + 1.0)) y=(format!("{:.1}", HEIGHT as f64 - high))
                        width=(format!("{:.1}", (step - 2.0).max(1.0))) height=(format!("{high:.1}")) rx="1.5" {}
                }
                line.axis x1="0" x2=(WIDTH) y1=(HEIGHT) y2=(HEIGHT) {}
                text.label x="0" y=(HEIGHT + 18) { (left) }
                text.label x=(WIDTH) y=(HEIGHT + 18) text-anchor="end" { (right) }
                text.label x="4" y="14" { (top) }
            }
            figcaption { (says) }
        }
    }
}

/// One bar in parts, with a legend that says each number.
pub(crate) fn parts(title: &str, parts: &[(&str, u64, &str)]) -> Markup {
    let all: u64 = parts.iter().map(|p| p.1).sum();
    let says = parts.iter().map(|(name, n, _)| format!("{name}: {n}")).collect::<Vec<_>>().join("; ");
    let mut x = 0.0;
    html! {
        figure.chart {
            svg role="img" aria-label={ (title) ". " (says) } viewBox={ "0 0 " (WIDTH) " 28" } {
                rect.empty x="0" y="2" width=(WIDTH) height="24" rx="6" {}
                @for (_, n, class) in parts {
                    @let wide = WIDTH as f64 * *n as f64 / all.max(1) as f64;
                    @if *n > 0 {
                        rect class={ "part " (class) } x=(format!("{x:.1}")) y="2" width=(format!("{:.1}", (wide - 2.0).max(1.0)))
                            height="24" rx="4" {}
                    }
                    @let _ = { x += wide; };
                }
            }
            ul.legend {
                @for (name, n, class) in parts {
                    li { span class={ "dot " (class) } {} (name) " " b { (n) } }
                }
            }
        }
    }
}

/// How far something has come.
pub(crate) fn progress(done: u64, of: u64, what: &str) -> Markup {
    let share = if of == 0 { 0 } else { done.min(of) * 100 / of };
    html! {
        span.progress {
            svg role="img" aria-label={ (what) ": " (done) " of " (of) } viewBox="0 0 100 8" preserveAspectRatio="none" {
                rect.empty x="0" y="0" width="100" height="8" rx="4" {}
                rect class={ "part " (if share == 100 { "good" } else { "info" }) } x="0" y="0" width=(share) height="8" rx="4" {}
            }
            span.num { (done) " of " (of) }
        }
    }
}
