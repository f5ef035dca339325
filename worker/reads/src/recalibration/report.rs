//! The table as GATK's report.

use super::grid::Grid;
use super::table::{Covariate, Datum, RecalibrationTable};
use crate::covariates::context_letters;

/// The only event: insertions and deletions are not recalibrated.
const EVENT: &str = "M";

const ARGUMENTS: [(&str, &str); 17] = [
    ("binary_tag_name", "null"),
    (
        "covariate",
        "ReadGroupCovariate,QualityScoreCovariate,ContextCovariate,CycleCovariate",
    ),
    ("default_platform", "null"),
    ("deletions_default_quality", "45"),
    ("force_platform", "null"),
    ("indels_context_size", "3"),
    ("insertions_default_quality", "45"),
    ("low_quality_tail", "2"),
    ("maximum_cycle_value", "500"),
    ("mismatches_context_size", "2"),
    ("mismatches_default_quality", "-1"),
    ("no_standard_covs", "false"),
    ("quantizing_levels", "16"),
    ("recalibration_report", "null"),
    ("run_without_dbsnp", "false"),
    ("solid_nocall_strategy", "THROW_EXCEPTION"),
    ("solid_recal_mode", "SET_Q_ZERO"),
];

impl RecalibrationTable {
    /// Returns the text of GATK's recalibration report.
    pub fn report(&self) -> String {
        let mut text = "#:GATKReport.v1.1:5\n".to_owned();
        for grid in [
            self.arguments(),
            self.quantized_grid(),
            self.read_group_grid(),
            self.quality_grid(),
            self.covariate_grid(),
        ] {
            grid.write(&mut text);
        }
        text
    }

    fn arguments(&self) -> Grid {
        let row = |&(name, value): &(&str, &str)| {
            let value = match name {
                "maximum_cycle_value" => self.max_cycle.to_string(),
                _ => value.to_owned(),
            };
            vec![name.to_owned(), value]
        };
        Grid {
            name: "Arguments",
            description: "Recalibration argument collection values used in this run",
            columns: &[("Argument", "%s"), ("Value", "%s")],
            rows: ARGUMENTS.iter().map(row).collect(),
        }
    }

    fn quantized_grid(&self) -> Grid {
        let rows = self.quality_counts.iter().zip(&self.quantized).enumerate();
        let row = |(quality, (count, quantized)): (usize, (&u64, &u8))| {
            vec![
                quality.to_string(),
                count.to_string(),
                quantized.to_string(),
            ]
        };
        Grid {
            name: "Quantized",
            description: "Quality quantization map",
            columns: &[
                ("QualityScore", "%d"),
                ("Count", "%d"),
                ("QuantizedScore", "%d"),
            ],
            rows: rows.map(row).collect(),
        }
    }

    fn read_group_grid(&self) -> Grid {
        let mut rows = Vec::new();
        for (name, row) in &self.read_groups {
            let [empirical, observations, errors] = cells(&row.datum);
            let estimated = format!("{:.4}", row.estimated_reported);
            let name = name.clone();
            rows.push(vec![
                name,
                EVENT.into(),
                empirical,
                estimated,
                observations,
                errors,
            ]);
        }
        Grid {
            name: "RecalTable0",
            description: "",
            columns: &[
                ("ReadGroup", "%s"),
                ("EventType", "%s"),
                ("EmpiricalQuality", "%.4f"),
                ("EstimatedQReported", "%.4f"),
                ("Observations", "%d"),
                ("Errors", "%.2f"),
            ],
            rows,
        }
    }

    fn quality_grid(&self) -> Grid {
        let mut rows = Vec::new();
        for ((name, quality), datum) in &self.qualities {
            let [empirical, observations, errors] = cells(datum);
            let (name, quality) = (name.clone(), quality.to_string());
            rows.push(vec![
                name,
                quality,
                EVENT.into(),
                empirical,
                observations,
                errors,
            ]);
        }
        Grid {
            name: "RecalTable1",
            description: "",
            columns: &[
                ("ReadGroup", "%s"),
                ("QualityScore", "%d"),
                ("EventType", "%s"),
                ("EmpiricalQuality", "%.4f"),
                ("Observations", "%d"),
                ("Errors", "%.2f"),
            ],
            rows,
        }
    }

    fn covariate_grid(&self) -> Grid {
        let mut keyed = Vec::new();
        for ((name, quality, covariate), datum) in &self.covariates {
            keyed.push((name, *quality, value(*covariate), kind(*covariate), datum));
        }
        // Values sort as text, so that `-10` precedes `-2`.
        keyed.sort_by(|a, b| (a.0, a.1, &a.2).cmp(&(b.0, b.1, &b.2)));
        let row = |(name, quality, value, kind, datum): (&String, u8, String, &str, &Datum)| {
            let [empirical, observations, errors] = cells(datum);
            let (name, quality) = (name.clone(), quality.to_string());
            let key = [name, quality, value, kind.into(), EVENT.into()];
            let numbers = [empirical, observations, errors];
            key.into_iter().chain(numbers).collect()
        };
        Grid {
            name: "RecalTable2",
            description: "",
            columns: &[
                ("ReadGroup", "%s"),
                ("QualityScore", "%d"),
                ("CovariateValue", "%s"),
                ("CovariateName", "%s"),
                ("EventType", "%s"),
                ("EmpiricalQuality", "%.4f"),
                ("Observations", "%d"),
                ("Errors", "%.2f"),
            ],
            rows: keyed.into_iter().map(row).collect(),
        }
    }
}

fn cells(datum: &Datum) -> [String; 3] {
    [
        format!("{:.4}", datum.empirical),
        datum.observations.to_string(),
        format!("{:.2}", datum.errors),
    ]
}

fn value(covariate: Covariate) -> String {
    match covariate {
        Covariate::Cycle(cycle) => cycle.to_string(),
        Covariate::Context(context) => context_letters(context),
    }
}

fn kind(covariate: Covariate) -> &'static str {
    match covariate {
        Covariate::Cycle(_) => "Cycle",
        Covariate::Context(_) => "Context",
    }
}
