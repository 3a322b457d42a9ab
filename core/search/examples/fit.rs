//! Level shares of true pairs of the open set's tuning half: `cargo run --release -p beatcheck-search --example fit -- DIR`.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use beatcheck_search::*;
use std::collections::{HashMap, HashSet};
fn main() {
    let dir = std::env::args().nth(1).unwrap();
    let mut people: HashMap<String, (String, String, String)> = HashMap::new();
    let mut sur: HashSet<String> = HashSet::new();
    let mut giv: HashSet<String> = HashSet::new();
    for l in std::fs::read_to_string(format!("{dir}/persons.csv")).unwrap().lines().skip(1) {
        let c: Vec<&str> = l.split(',').collect();
        sur.extend(name_tokens(c[2]));
        giv.extend(name_tokens(c[1]));
        people.insert(c[0].into(), (c[1].into(), c[2].into(), c[3].into()));
    }
    let get = |l: &str, k: &str| -> Option<String> {
        let p = format!("\"{k}\": \"");
        let at = l.find(&p)? + p.len();
        Some(l[at..].split('"').next()?.to_owned())
    };
    let mut hist: HashMap<String, HashMap<String, u32>> = HashMap::new();
    for l in std::fs::read_to_string(format!("{dir}/queries.jsonl")).unwrap().lines() {
        if get(l, "half").as_deref() != Some("tune") {
            continue;
        }
        let task = get(l, "task").unwrap();
        if !["name_dob", "nickname_dob"].contains(&task.as_str()) {
            continue;
        }
        let Some(t) = get(l, "truth") else { continue };
        let p = &people[&t];
        let (g, s) = (get(l, "given").unwrap_or_default(), get(l, "surname").unwrap_or_default());
        let lev = |a: &str, b: &str, vocab: &HashSet<String>| -> String {
            let (a, b) = (name_tokens(a), name_tokens(b));
            if a.is_empty() {
                return "notasked".into();
            }
            if b.is_empty() {
                return "nothing held".into();
            }
            let known = a.iter().all(|t| vocab.contains(t));
            let best = a
                .iter()
                .flat_map(|x| b.iter().map(move |y| token_level(&prepare_token(x), y, &phonetic_key(y))))
                .max()
                .flatten();
            format!(
                "{} {:?} n={}",
                if known { "known" } else { "unknown" },
                best,
                if a.len() > 1 || b.len() > 1 { "multi" } else { "1" }
            )
        };
        let ls = lev(&s, &p.1, &sur);
        let lg = lev(&g, &p.0, &giv);
        if ls.contains("None") && lg.contains("None") {
            let swapped = !lev(&s, &p.0, &giv).contains("None") || !lev(&g, &p.1, &sur).contains("None");
            *hist.entry(format!("{task} bothdiffer")).or_default().entry(format!("swapped {swapped}")).or_default() +=
                1;
        }
        *hist.entry(format!("{task} surname")).or_default().entry(ls).or_default() += 1;
        *hist.entry(format!("{task} given")).or_default().entry(lg).or_default() += 1;
        let d = get(l, "dob").unwrap_or_default();
        let diff = d.bytes().zip(p.2.bytes()).filter(|(a, b)| a != b).count();
        let k = if d.is_empty() {
            "notasked".into()
        } else if p.2.is_empty() {
            "unknown".into()
        } else {
            format!("diff{diff} year {} ", d[..4] == p.2[..4])
        };
        *hist.entry(format!("{task} dob")).or_default().entry(k).or_default() += 1;
    }
    let mut keys: Vec<_> = hist.iter().collect();
    keys.sort_by_key(|k| k.0.clone());
    for (k, v) in keys {
        let mut v: Vec<_> = v.iter().collect();
        v.sort_by_key(|x| std::cmp::Reverse(x.1));
        println!("{k}: {v:?}");
    }
}
