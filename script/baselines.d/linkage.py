"""Splink: Fellegi-Sunter with weights trained by expectation maximisation on the set itself. A batch, not a search."""

import logging

import pandas
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink import comparison_library as compare

NAME = "Splink (trained)"


def answers(people, questions):
    """For each question the persons with their match weights, best first."""
    logging.getLogger("splink").setLevel(logging.ERROR)
    held = pandas.DataFrame(
        {"unique_id": [p.id for p in people], "given": [p.given for p in people], "surname": [p.surname for p in people],
         "dob": [p.dob for p in people]}
    )
    asked = pandas.DataFrame(
        {"unique_id": [f"Q{i}" for i in range(len(questions))], "given": [q.given for q in questions],
         "surname": [q.surname for q in questions], "dob": [q.dob for q in questions]}
    )
    for frame in (held, asked):
        frame.replace("", None, inplace=True)
        frame["year"] = frame["dob"].str[:4]
    settings = SettingsCreator(
        link_type="link_only",
        comparisons=[
            compare.JaroWinklerAtThresholds("given", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            compare.JaroWinklerAtThresholds("surname", [0.92, 0.8]).configure(term_frequency_adjustments=True),
            compare.LevenshteinAtThresholds("dob", [1, 2]),
        ],
        blocking_rules_to_generate_predictions=[
            block_on("dob"),
            block_on("surname", "year"),
            block_on("given", "year"),
            block_on("given", "surname"),
            block_on("substr(surname,1,3)", "substr(given,1,3)"),
        ],
        retain_intermediate_calculation_columns=False,
    )
    linker = Linker([held, asked], settings, DuckDBAPI(), input_table_aliases=["held", "asked"])
    train = linker.training
    train.estimate_probability_two_random_records_match([block_on("given", "surname", "dob")], recall=0.6)
    train.estimate_u_using_random_sampling(max_pairs=2e6, seed=1)
    train.estimate_parameters_using_expectation_maximisation(block_on("dob"))
    train.estimate_parameters_using_expectation_maximisation(block_on("surname", "given"))
    pairs = linker.inference.predict(threshold_match_weight=-20).as_pandas_dataframe()
    out = [[] for _ in questions]
    for left, right, weight in zip(pairs["unique_id_l"], pairs["unique_id_r"], pairs["match_weight"]):
        person, question = (left, right) if right.startswith("Q") else (right, left)
        out[int(question[1:])].append((weight, person))
    for found in out:
        found.sort(key=lambda f: (-f[0], f[1]))
        del found[10:]
    return out
