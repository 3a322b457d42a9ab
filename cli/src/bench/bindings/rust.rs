//! The runner of Rust: the same calls as the bindings make, without a binding.

use super::asked::Question;
use super::{Took, WARM};
use crate::bench::figure::percentile;
use crate::exit::Failure;
use beatcheck_client::{CheckRequest, ClientError, Device, Env, FileVault, Handle};
use beatcheck_model::{Answer, PersonQuery, Query, VehicleQuery};
use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

/// Calls of one batch, whose mean is one measurement; and batches.
const CALLS: u32 = 100;
const BATCHES: usize = 1000;

/// Asks all of them.
pub(super) fn ask(home: &Path, vault: &Path, questions: &[Question], took: &mut Took) -> Result<(), Failure> {
    let vault = Arc::new(FileVault::open(vault).map_err(ClientError::from)?);
    let device = Handle::new(Device::open(home, vault, Env::system(), None)?);
    let mut call = |name: &str, f: &dyn Fn()| {
        took.calls.entry(name.to_owned()).or_default().push(time(f));
    };
    call("lifecycle()", &|| {
        black_box(device.lifecycle());
    });
    let is_vehicle = |q: &&Question| matches!(q, Question::Vehicle { .. });
    let warm = questions.iter().filter(is_vehicle).take(WARM);
    for q in warm.chain(questions.iter().filter(|q| !is_vehicle(q)).take(WARM)) {
        check(&device, q)?;
    }
    took.answers.clear();
    for q in questions {
        let begun = Instant::now();
        let answer = check(&device, q)?;
        let us = begun.elapsed().as_secs_f64() * 1e6;
        if is_vehicle(&q) { &mut took.vehicle_us } else { &mut took.person_us }.push(us);
        took.answers.push(format!("{:?}:{}", answer.outcome, answer.hits.len()));
    }
    Ok(())
}

fn check(device: &Handle, question: &Question) -> Result<Answer, ClientError> {
    let given = |t: &String| (!t.is_empty()).then(|| t.clone());
    let (query, purpose) = match question {
        Question::Vehicle { vrm } => {
            (Query::Vehicle(VehicleQuery { vrm: given(vrm), ..VehicleQuery::default() }), "traffic_stop")
        }
        Question::Person { surname, given: first, dob } => {
            let query =
                PersonQuery { surname: given(surname), given: given(first), dob: given(dob), ..PersonQuery::default() };
            (Query::Person(query), "stop_search")
        }
    };
    device.using()?.check(&CheckRequest::new(query, purpose))
}

fn time(f: &dyn Fn()) -> (f64, f64) {
    let batch = |_| {
        let begun = Instant::now();
        (0..CALLS).for_each(|_| f());
        begun.elapsed().as_secs_f64() * 1e9 / f64::from(CALLS)
    };
    let mut means: Vec<f64> = (0..BATCHES).map(batch).collect();
    (percentile(&mut means, 0.5), percentile(&mut means, 0.99))
}
