//! `beatcheck fixtures`.

use crate::args::FixturesArgs;
use crate::exit::{Exit, Failure};
use crate::output::Context;
use crate::progress::Bar;
use beatcheck_fixtures::{FixtureError, Spec, generate};

/// What was made.
#[derive(serde::Serialize)]
struct Made {
    persons: u64,
    vehicles: u64,
    seed: u64,
    files: Vec<String>,
}

pub(crate) fn run(args: &FixturesArgs, context: &Context) -> Result<Exit, Failure> {
    let spec = Spec { persons: args.persons, vehicles: args.vehicles, seed: args.seed };
    let bar = Bar::new("making up records");
    let made = generate(&spec, &args.out, &mut |done, total| bar.rows("making up records", done, total));
    drop(bar);
    let made = made.map_err(|e| {
        let code = if matches!(e, FixtureError::Spec(_)) { "usage" } else { "fixtures" };
        Failure::new(code, e.to_string())
    })?;
    let files = made.files.iter().map(|f| f.display().to_string()).collect();
    let made = Made { persons: made.persons, vehicles: made.vehicles, seed: args.seed, files };
    context.emit(&made, |s| {
        s.line(&format!("{} persons and {} vehicles, all made up (seed {}):", made.persons, made.vehicles, made.seed));
        made.files.iter().for_each(|f| s.line(&format!("  {f}")));
    })?;
    Ok(Exit::Done)
}
