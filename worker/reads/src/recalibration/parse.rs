//! Reading GATK's report back.

use std::collections::HashMap;
use std::str::FromStr;

use genome::base;

use super::table::{Covariate, Datum, QUALITIES, ReadGroupDatum, RecalibrationTable};

/// Why a text is not a recalibration report.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// The first line is another one.
    #[error("recalibration report does not start with #:GATKReport.v1.1")]
    Start,
    /// A table does not hold as many rows as it says.
    #[error("recalibration report ends within table {table}")]
    Truncated {
        /// Name of the table.
        table: String,
    },
    /// A table is not there.
    #[error("recalibration report has no table {table}")]
    MissingTable {
        /// Name of the table.
        table: &'static str,
    },
    /// A column is not there.
    #[error("recalibration report has no column {column} in line {line}")]
    MissingColumn {
        /// Name of the column.
        column: &'static str,
        /// 1-based line.
        line: usize,
    },
    /// An argument with a value that is not known here.
    #[error("recalibration report was made with {name} {value}, which is not supported")]
    Argument {
        /// Name of the argument.
        name: String,
        /// Its value.
        value: String,
    },
    /// A cell is not what its column holds.
    #[error("recalibration report has {cell:?} for {column} in line {line}")]
    Cell {
        /// Name of the column.
        column: &'static str,
        /// The cell.
        cell: String,
        /// 1-based line.
        line: usize,
    },
}

/// One row of a table, its cells by column.
struct Row<'a> {
    cells: HashMap<&'a str, &'a str>,
    line: usize,
}

impl<'a> Row<'a> {
    fn text(&self, column: &'static str) -> Result<&'a str, ParseError> {
        let line = self.line;
        let missing = ParseError::MissingColumn { column, line };
        self.cells.get(column).copied().ok_or(missing)
    }

    fn number<T: FromStr>(&self, column: &'static str) -> Result<T, ParseError> {
        let cell = self.text(column)?;
        cell.parse().map_err(|_| self.wrong(column, cell))
    }

    fn quality(&self, column: &'static str) -> Result<u8, ParseError> {
        let quality: u8 = self.number(column)?;
        if usize::from(quality) < QUALITIES {
            Ok(quality)
        } else {
            Err(self.wrong(column, &quality.to_string()))
        }
    }

    fn datum(&self) -> Result<Datum, ParseError> {
        Ok(Datum {
            observations: self.number("Observations")?,
            errors: self.number("Errors")?,
            empirical: self.number("EmpiricalQuality")?,
        })
    }

    fn covariate(&self) -> Result<Covariate, ParseError> {
        let (name, value) = (self.text("CovariateName")?, self.text("CovariateValue")?);
        let wrong = self.wrong("CovariateValue", value);
        let covariate = match name {
            "Cycle" => value.parse().ok().map(Covariate::Cycle),
            "Context" => context(value).map(Covariate::Context),
            _ => return Err(self.wrong("CovariateName", name)),
        };
        let in_range = |covariate: &Covariate| match covariate {
            Covariate::Cycle(cycle) => *cycle != 0 && cycle.unsigned_abs() <= MOST_CYCLE,
            Covariate::Context(_) => true,
        };
        covariate.filter(in_range).ok_or(wrong)
    }

    fn is_mismatch(&self) -> Result<bool, ParseError> {
        Ok(self.text("EventType")? == "M")
    }

    fn wrong(&self, column: &'static str, cell: &str) -> ParseError {
        ParseError::Cell {
            column,
            cell: cell.to_owned(),
            line: self.line,
        }
    }
}

impl RecalibrationTable {
    /// Reads a report. Rows about insertions and deletions are passed over.
    ///
    /// # Errors
    /// [`ParseError`] says what and where.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        let tables = tables(text)?;
        let table = |name| {
            let found = tables.get(name);
            found.ok_or(ParseError::MissingTable { table: name })
        };
        let mut parsed = Self::default();
        for row in table("Arguments")? {
            parsed.argument(row)?;
        }
        for row in table("Quantized")? {
            parsed.quality_counts.push(row.number("Count")?);
            parsed.quantized.push(row.quality("QuantizedScore")?);
        }
        for row in table("RecalTable0")? {
            if row.is_mismatch()? {
                let datum = ReadGroupDatum {
                    datum: row.datum()?,
                    estimated_reported: row.number("EstimatedQReported")?,
                };
                parsed
                    .read_groups
                    .insert(row.text("ReadGroup")?.into(), datum);
            }
        }
        for row in table("RecalTable1")? {
            if row.is_mismatch()? {
                let key = (row.text("ReadGroup")?.into(), row.quality("QualityScore")?);
                parsed.qualities.insert(key, row.datum()?);
            }
        }
        for row in table("RecalTable2")? {
            if row.is_mismatch()? {
                let (name, quality) = (row.text("ReadGroup")?, row.quality("QualityScore")?);
                let key = (name.into(), quality, row.covariate()?);
                parsed.covariates.insert(key, row.datum()?);
            }
        }
        Ok(parsed)
    }
}

/// No cycle is believed to be larger.
const MOST_CYCLE: u32 = 1 << 24;

/// Arguments of the table that qualities depend on, as they are the only ones known here.
const FIXED: [(&str, &str); 3] = [
    (
        "covariate",
        "ReadGroupCovariate,QualityScoreCovariate,ContextCovariate,CycleCovariate",
    ),
    ("low_quality_tail", "2"),
    ("mismatches_context_size", "2"),
];

impl RecalibrationTable {
    fn argument(&mut self, row: &Row<'_>) -> Result<(), ParseError> {
        let (name, value) = (row.text("Argument")?, row.text("Value")?);
        let is_known = FIXED
            .iter()
            .all(|(fixed, known)| *fixed != name || *known == value);
        if !is_known {
            return Err(ParseError::Argument {
                name: name.into(),
                value: value.into(),
            });
        }
        if name == "maximum_cycle_value" {
            let most = value.parse::<u32>().ok().filter(|most| *most <= MOST_CYCLE);
            let most = most.ok_or_else(|| row.wrong("Value", value))?;
            self.max_cycle = most as usize;
        }
        Ok(())
    }
}

fn context(letters: &str) -> Option<u8> {
    let &[before, own] = letters.as_bytes() else {
        return None;
    };
    let (before, own) = (base::code(before), base::code(own));
    (before != base::AMBIGUOUS && own != base::AMBIGUOUS).then_some(4 * before + own)
}

/// Returns the rows of all tables by name.
fn tables(text: &str) -> Result<HashMap<&str, Vec<Row<'_>>>, ParseError> {
    let mut lines = (1..).zip(text.lines());
    let started = lines
        .next()
        .is_some_and(|(_, line)| line.starts_with("#:GATKReport.v1.1"));
    if !started {
        return Err(ParseError::Start);
    }
    let mut tables = HashMap::new();
    while let Some((line, shape)) = lines.next() {
        let Some(shape) = shape.strip_prefix("#:GATKTable:") else {
            continue;
        };
        let count = shape
            .split(':')
            .nth(1)
            .and_then(|rows| rows.parse::<usize>().ok());
        let count = count.ok_or_else(|| ParseError::Cell {
            column: "rows",
            cell: shape.to_owned(),
            line,
        })?;
        let name = lines
            .next()
            .and_then(|(_, line)| line.strip_prefix("#:GATKTable:"));
        let name = name.and_then(|line| line.split(':').next()).unwrap_or("");
        let truncated = || ParseError::Truncated { table: name.into() };
        let (_, header) = lines.next().ok_or_else(truncated)?;
        let mut rows = Vec::new();
        for _ in 0..count {
            let (line, row) = lines.next().ok_or_else(truncated)?;
            if row.is_empty() {
                return Err(truncated());
            }
            let cells = header
                .split_whitespace()
                .zip(row.split_whitespace())
                .collect();
            rows.push(Row { cells, line });
        }
        tables.insert(name, rows);
    }
    Ok(tables)
}
