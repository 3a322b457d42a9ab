//! A figure: what was measured, which way is better, and what it is held against.

use crate::output::Screen;
use serde::Serialize;

/// Which way is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Better {
    Lower,
    Higher,
}

/// One figure.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Figure {
    pub(super) case: String,
    pub(super) metric: &'static str,
    pub(super) value: f64,
    pub(super) unit: &'static str,
    pub(super) better: Better,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) goal: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peer: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) peer_value: Option<f64>,
    /// What others take for the same, where there is more than one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) others: Vec<Other>,
    /// How many measurements the value stands for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) n: Option<u64>,
    /// What carried the bytes, where that is a choice (bench `link`): `tun` or `simulated`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) network: Option<&'static str>,
    /// Why there is no value: it is then `null`, and said to be missing wherever it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_measured: Option<String>,
}

/// What another way takes for the same.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Other {
    pub(super) name: &'static str,
    pub(super) value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_measured: Option<String>,
}

/// A figure as it is printed.
#[derive(Serialize)]
pub(super) struct Named<'a> {
    bench: &'static str,
    #[serde(flatten)]
    figure: &'a Figure,
}

impl Figure {
    pub(super) fn lower(case: &str, metric: &'static str, value: f64, unit: &'static str) -> Self {
        let case = case.to_owned();
        Self {
            case,
            metric,
            value,
            unit,
            better: Better::Lower,
            goal: None,
            peer: None,
            peer_value: None,
            others: Vec::new(),
            n: None,
            not_measured: None,
            network: None,
        }
    }

    /// What was to be measured and was not, and why.
    pub(super) fn not_measured(case: &str, metric: &'static str, unit: &'static str, why: &str) -> Self {
        Self { not_measured: Some(why.to_owned()), ..Self::lower(case, metric, f64::NAN, unit) }
    }

    pub(super) fn higher(case: &str, metric: &'static str, value: f64, unit: &'static str) -> Self {
        Self { better: Better::Higher, ..Self::lower(case, metric, value, unit) }
    }

    pub(super) const fn goal(mut self, goal: Option<f64>) -> Self {
        self.goal = goal;
        self
    }

    pub(super) const fn peer(mut self, peer: &'static str, value: f64) -> Self {
        self.peer = Some(peer);
        self.peer_value = Some(value);
        self
    }

    /// Adds what another way takes, or why that is not known.
    pub(super) fn other(mut self, name: &'static str, value: Result<f64, String>) -> Self {
        let (value, not_measured) = match value {
            Ok(value) => (value, None),
            Err(why) => (f64::NAN, Some(why)),
        };
        self.others.push(Other { name, value, not_measured });
        self
    }

    pub(super) const fn n(mut self, n: usize) -> Self {
        self.n = Some(n as u64);
        self
    }

    pub(super) const fn network(mut self, network: &'static str) -> Self {
        self.network = Some(network);
        self
    }

    pub(super) const fn named(&self, bench: &'static str) -> Named<'_> {
        Named { bench, figure: self }
    }

    pub(super) fn missed(&self) -> bool {
        self.goal.is_some_and(|goal| match self.better {
            Better::Lower => self.value > goal,
            Better::Higher => self.value < goal,
        })
    }

    /// `61 us, goal 50 us`
    pub(super) fn against_goal(&self) -> String {
        let goal = self.goal.map(|g| format!(", goal {} {}", short(g), self.unit)).unwrap_or_default();
        format!("{} {}{goal}", short(self.value), self.unit)
    }

    /// How many times the peer's value this is.
    pub(super) fn ratio(&self) -> Option<f64> {
        self.peer_value.filter(|p| *p != 0.0).map(|p| self.value / p)
    }
}

/// The median of each figure over the runs; what is exact is the same in all of them.
pub(super) fn median_of_runs(runs: Vec<Vec<Figure>>) -> Vec<Figure> {
    let count = runs.len();
    let mut out = runs.first().cloned().unwrap_or_default();
    for f in &mut out {
        let same = |other: &&Figure| other.case == f.case && other.metric == f.metric;
        let others: Vec<&Figure> = runs.iter().filter_map(|r| r.iter().find(same)).collect();
        let mut values: Vec<f64> = others.iter().map(|o| o.value).collect();
        let mut peers: Vec<f64> = others.iter().filter_map(|o| o.peer_value).collect();
        f.value = percentile(&mut values, 0.5);
        f.peer_value = f.peer_value.map(|_| percentile(&mut peers, 0.5));
        for o in &mut f.others {
            let all = others.iter().flat_map(|f| &f.others).filter(|other| other.name == o.name);
            o.value = percentile(&mut all.map(|other| other.value).collect::<Vec<f64>>(), 0.5);
        }
        f.n = f.not_measured.is_none().then(|| f.n.unwrap_or(1) * count as u64);
    }
    out
}

/// The value below which the share `p` of the values lies; 0 of none.
pub(super) fn percentile(values: &mut [f64], p: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let rank = (values.len() as f64 * p).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// A number with about three digits that matter.
pub(super) fn short(v: f64) -> String {
    match v.abs() {
        a if a >= 1000.0 || a.fract() == 0.0 => grouped(v.round() as i64),
        100.0.. => format!("{v:.0}"),
        10.0.. => format!("{v:.1}"),
        1.0.. => format!("{v:.2}"),
        _ => format!("{v:.3}"),
    }
}

fn grouped(n: i64) -> String {
    let digits = n.unsigned_abs().to_string();
    let mut out = String::from(if n < 0 { "-" } else { "" });
    for (i, d) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(d);
    }
    out
}

/// For people: a line a figure.
pub(super) fn table(screen: &mut Screen, figures: &[Figure]) {
    let number = |v: Option<f64>| v.map(short).unwrap_or_default();
    let mut before = "";
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|f| {
            let case = if f.case == before { String::new() } else { f.case.clone() };
            before = &f.case;
            let met = match (f.goal, f.missed()) {
                (None, _) => "",
                (_, true) => "MISSED",
                (_, false) => "met",
            };
            let ratio = f.ratio().map(|r| format!("{}x", short(r))).unwrap_or_default();
            vec![
                case,
                f.metric.to_owned(),
                short(f.value),
                f.unit.to_owned(),
                number(f.goal),
                met.to_owned(),
                ratio,
                f.peer.unwrap_or_default().to_owned(),
                number(f.peer_value),
                f.n.map(|n| n.to_string()).unwrap_or_default(),
            ]
        })
        .collect();
    screen.table(&["case", "metric", "value", "unit", "goal", "", "of peer", "peer", "peer's", "n"], &rows);
}

/// For people, where figures have others beside them: a line a figure, a column for each of the others.
pub(super) fn table_of_others(screen: &mut Screen, figures: &[Figure]) {
    let mut names: Vec<&'static str> = Vec::new();
    for o in figures.iter().flat_map(|f| &f.others) {
        if !names.contains(&o.name) {
            names.push(o.name);
        }
    }
    let mut before = "";
    let rows: Vec<Vec<String>> = figures
        .iter()
        .map(|f| {
            let case = if f.case == before { String::new() } else { f.case.clone() };
            before = &f.case;
            let met = match (f.goal, f.missed(), &f.not_measured) {
                (_, _, Some(_)) | (None, ..) => "",
                (_, true, None) => "MISSED",
                (_, false, None) => "met",
            };
            let ours = if f.not_measured.is_some() { "not measured".to_owned() } else { short(f.value) };
            let goal = f.goal.map(short).unwrap_or_default();
            let mut row = vec![case, f.metric.to_owned(), ours, f.unit.to_owned(), goal, met.to_owned()];
            row.extend(names.iter().map(|n| match f.others.iter().find(|o| o.name == *n) {
                Some(Other { not_measured: Some(_), .. }) => "not measured".to_owned(),
                Some(o) => short(o.value),
                None => String::new(),
            }));
            row.push(f.n.map(|n| n.to_string()).unwrap_or_default());
            row
        })
        .collect();
    let headers: Vec<&str> =
        ["case", "metric", "ours", "unit", "goal", ""].into_iter().chain(names).chain(["n"]).collect();
    screen.table(&headers, &rows);
    // The reasons, each once: a table cell is too small for them.
    let mut said: Vec<String> = Vec::new();
    for f in figures {
        let ours = f.not_measured.iter().map(|why| format!("not measured, {} {}: {why}", f.case, f.metric));
        let others =
            f.others.iter().filter_map(|o| Some(format!("not measured, {}: {}", o.name, o.not_measured.as_ref()?)));
        for line in ours.chain(others) {
            if !said.contains(&line) {
                screen.line(&line);
                said.push(line);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_missed_on_its_worse_side_only() {
        let slow = Figure::lower("c", "p50", 51.0, "us").goal(Some(50.0));
        let rare = Figure::higher("c", "found", 0.99, "share").goal(Some(1.0));
        assert!(slow.missed() && rare.missed());
        assert!(!Figure::lower("c", "p50", 50.0, "us").goal(Some(50.0)).missed());
        assert!(!Figure::lower("c", "p50", 9e9, "us").missed());
        assert_eq!(slow.against_goal(), "51 us, goal 50 us");
    }

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!([percentile(&mut values, 0.5), percentile(&mut values, 0.99)], [50.0, 99.0]);
        assert_eq!([percentile(&mut [7.0], 0.99), percentile(&mut [], 0.5)], [7.0, 0.0]);
    }

    #[test]
    fn a_run_more_is_counted_and_the_middle_one_shown() {
        let run =
            |v: f64| vec![Figure::lower("c", "m", v, "s").peer("p", v * 2.0), Figure::lower("c", "k", v, "s").n(10)];
        let out = median_of_runs(vec![run(3.0), run(1.0), run(2.0)]);
        assert_eq!((out[0].value, out[0].peer_value, out[0].n), (2.0, Some(4.0), Some(3)));
        assert_eq!((out[1].value, out[1].n), (2.0, Some(30)));
        assert!(median_of_runs(Vec::new()).is_empty());
    }

    #[test]
    fn what_was_not_measured_says_so_and_meets_no_goal() {
        let none = Figure::not_measured("c", "m", "s", "no node").goal(Some(1.0)).other("p", Err("no npm".into()));
        let line = serde_json::to_string(&none).unwrap();
        assert!(line.contains(r#""value":null"#) && line.contains(r#""not_measured":"no node""#), "{line}");
        let mut screen = Screen::new(false);
        table_of_others(&mut screen, &[none, Figure::lower("d", "m", 2.0, "s").goal(Some(1.0)).other("p", Ok(3.0))]);
        let text = screen.into_text();
        assert!(text.contains("not measured, c m: no node") && text.contains("not measured, p: no npm"), "{text}");
        assert!(text.contains("MISSED") && !text.contains(" met "), "{text}");
    }

    #[test]
    fn what_does_not_exist_is_not_printed() {
        let plain = Figure::lower("c", "m", 1.5, "s");
        let line = serde_json::to_string(&plain.named("main")).unwrap();
        assert_eq!(line, r#"{"bench":"main","case":"c","metric":"m","value":1.5,"unit":"s","better":"lower"}"#);
        assert_eq!([short(1_234_567.0), short(61.04), short(0.5), short(250.0)], ["1,234,567", "61.0", "0.500", "250"]);
    }
}
