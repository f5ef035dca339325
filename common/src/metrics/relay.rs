//! Counters of a child process on their way to those of its parent, which Prometheus fetches.

use prometheus::IntCounterVec;
use proto::worker::v1 as wire;

/// Counters that a task may tell of: by name, with those of the parent. The names of their labels are in
/// alphabetical order, as Prometheus gives them.
pub type Known<'a> = &'a [(&'static str, &'a IntCounterVec)];

/// Returns how far the counters of this process have come.
pub fn counted(names: &[&str]) -> Vec<wire::Count> {
    let mut counts = Vec::new();
    for family in prometheus::gather() {
        if !names.contains(&family.name()) {
            continue;
        }
        for metric in family.get_metric() {
            let labels = metric.get_label().iter();
            counts.push(wire::Count {
                name: family.name().to_owned(),
                labels: labels.map(|label| label.value().to_owned()).collect(),
                value: metric.get_counter().get_value() as u64,
            });
        }
    }
    counts
}

/// Adds what a child process has counted; what is not known is left out.
pub fn recount(counts: &[wire::Count], known: Known<'_>) {
    for wire::Count {
        name,
        labels,
        value,
    } in counts
    {
        let counter = known.iter().find(|(known, _)| known == name);
        let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
        let metric = counter.and_then(|(_, all)| all.get_metric_with_label_values(&labels).ok());
        if let Some(metric) = metric {
            metric.inc_by(*value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::counters;

    #[test]
    fn counts_are_added_to_those_of_the_parent() {
        let name = "spindle_test_relayed_total";
        let all = counters(name, "For a test.", &["kind", "outcome"]);
        all.with_label_values(&["put", "ok"]).inc_by(3);
        let counts = counted(&[name]);
        assert_eq!(counts[0].labels, ["put", "ok"]);
        let mut alien = counts[0].clone();
        alien.labels.push("more".into());
        recount(&[counts[0].clone(), alien], &[(name, &all)]);
        assert_eq!(all.with_label_values(&["put", "ok"]).get(), 6);
    }
}
