//! Text tables of GATKReport 1.1.

use std::fmt::Write;

/// A table about to be written; cells are finished text.
pub(super) struct Grid {
    pub name: &'static str,
    pub description: &'static str,
    /// Header and format of each column.
    pub columns: &'static [(&'static str, &'static str)],
    pub rows: Vec<Vec<String>>,
}

impl Grid {
    /// Appends the table and the empty line after it.
    pub(super) fn write(&self, out: &mut String) {
        let formats: String = self
            .columns
            .iter()
            .map(|(_, format)| format!("{format}:"))
            .collect();
        let (columns, rows) = (self.columns.len(), self.rows.len());
        let _ = writeln!(out, "#:GATKTable:{columns}:{rows}:{formats};");
        let _ = writeln!(out, "#:GATKTable:{}:{}", self.name, self.description);
        let widths: Vec<usize> = (0..columns).map(|column| self.width(column)).collect();
        let numeric: Vec<bool> = (0..columns).map(|column| self.is_numeric(column)).collect();
        for (column, (header, _)) in self.columns.iter().enumerate() {
            let gap = if column == 0 { "" } else { "  " };
            let _ = write!(out, "{gap}{header:<0$}", widths[column]);
        }
        out.push('\n');
        for row in &self.rows {
            for (column, cell) in row.iter().enumerate() {
                let gap = if column == 0 { "" } else { "  " };
                let _ = if numeric[column] {
                    write!(out, "{gap}{cell:>0$}", widths[column])
                } else {
                    write!(out, "{gap}{cell:<0$}", widths[column])
                };
            }
            out.push('\n');
        }
        out.push('\n');
    }

    fn width(&self, column: usize) -> usize {
        let cells = self.rows.iter().map(|row| row[column].len());
        cells.fold(self.columns[column].0.len(), usize::max)
    }

    fn is_numeric(&self, column: usize) -> bool {
        self.rows.iter().all(|row| is_number(&row[column]))
    }
}

fn is_number(cell: &str) -> bool {
    matches!(cell, "null" | "NA" | "Infinity" | "-Infinity" | "NaN") || cell.parse::<f64>().is_ok()
}
