//! Counters of a child process on their way to those of its parent, which Prometheus fetches.

use prometheus::IntCounterVec;
use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use proto::worker::v1 as wire;

/// Counters that a task may tell of: by name, with those of the parent. The names of their labels are in
/// alphabetical order, as Prometheus gives them.
pub type Known<'a> = &'a [(&'static str, &'a IntCounterVec)];

/// Returns what this process has counted since the last time, and begins again at 0.
pub fn taken(counters: Known<'_>) -> Vec<wire::Count> {
    let mut counts = Vec::new();
    for (name, all) in counters {
        let families = all.collect();
        for metric in families.iter().flat_map(MetricFamily::get_metric) {
            let labels = metric.get_label().iter();
            let labels: Vec<String> = labels.map(|label| label.value().to_owned()).collect();
            if let Ok(counter) = all.get_metric_with_label_values(&labels) {
                counts.push(wire::Count {
                    name: (*name).to_owned(),
                    labels,
                    value: counter.get(),
                });
                counter.reset();
            }
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
        let counts = taken(&[(name, &all)]);
        assert_eq!(counts[0].labels, ["put", "ok"]);
        let mut alien = counts[0].clone();
        alien.labels.push("more".into());
        recount(&[counts[0].clone(), alien], &[(name, &all)]);
        assert_eq!(all.with_label_values(&["put", "ok"]).get(), 3);
        assert_eq!(taken(&[(name, &all)]), [counts[0].clone()]);
        assert_eq!(taken(&[(name, &all)])[0].value, 0);
    }
}
