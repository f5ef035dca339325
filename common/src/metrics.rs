//! What a process counts and measures, for Prometheus to fetch.
//!
//! Names begin with `spindle_` and end with their unit (`_seconds`, `_bytes`) or, if they only rise,
//! with `_total`. Values of labels come from small sets: stages, classes of failure, calls. The registry
//! is the process's one: what is measured twice under one name is one metric.

mod process;
mod relay;
mod serve;

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use prometheus::core::Collector;
use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts,
};

pub use prometheus;
pub use relay::{recount, taken};
pub use serve::{Endpoint, Exposed, Unserved};

/// Bounds of how long a call takes, in seconds.
pub const CALL_SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

/// Bounds of how long work takes, in seconds.
pub const WORK_SECONDS: [f64; 12] = [
    0.1, 0.5, 1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0, 14400.0,
];

/// Defines metrics as statics of one visibility, each by how it is made, its name, help and labels, and
/// the private function that makes all of them known before they first change.
#[macro_export]
macro_rules! define_metrics {
    ($visible:vis static; fn $register:ident;
     $($name:ident: $kind:ty = $make:ident($metric:expr, $help:literal $(, $more:expr)*);)*) => {
        $(
            #[doc = $help]
            $visible static $name: ::std::sync::LazyLock<$kind> =
                ::std::sync::LazyLock::new(|| $make($metric, $help $(, $more)*));
        )*

        fn $register() {
            $(::std::sync::LazyLock::force(&$name);)*
        }
    };
}

/// Makes a counter.
pub fn counter(name: &'static str, help: &'static str) -> IntCounter {
    registered(IntCounter::new(name, help))
}

/// Makes counters that labels tell apart.
pub fn counters(name: &'static str, help: &'static str, labels: &[&str]) -> IntCounterVec {
    registered(IntCounterVec::new(Opts::new(name, help), labels))
}

/// Makes sums of fractions that labels tell apart.
pub fn sums(name: &'static str, help: &'static str, labels: &[&str]) -> CounterVec {
    registered(CounterVec::new(Opts::new(name, help), labels))
}

/// Makes a gauge.
pub fn gauge(name: &'static str, help: &'static str) -> IntGauge {
    registered(IntGauge::new(name, help))
}

/// Makes gauges that labels tell apart.
pub fn gauges(name: &'static str, help: &'static str, labels: &[&str]) -> IntGaugeVec {
    registered(IntGaugeVec::new(Opts::new(name, help), labels))
}

/// Makes a histogram.
pub fn histogram(name: &'static str, help: &'static str, bounds: &[f64]) -> Histogram {
    let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    registered(Histogram::with_opts(options))
}

/// Makes histograms that labels tell apart.
pub fn histograms(
    name: &'static str,
    help: &'static str,
    labels: &[&str],
    bounds: &[f64],
) -> HistogramVec {
    let options = HistogramOpts::new(name, help).buckets(bounds.to_vec());
    registered(HistogramVec::new(options, labels))
}

fn registered<M: Collector + Clone + 'static>(metric: prometheus::Result<M>) -> M {
    let metric = metric.expect("names and labels are constants that Prometheus takes");
    let registered = prometheus::register(Box::new(metric.clone()));
    registered.expect("each name is registered once");
    metric
}

/// Bounds how many values a label may have: those that come later share one.
#[derive(Debug)]
pub struct Capped {
    most: usize,
    known: Mutex<BTreeSet<String>>,
}

impl Capped {
    /// The value of all that come too late.
    pub const OTHER: &str = "other";

    /// Allows this many values.
    pub const fn new(most: usize) -> Self {
        let known = Mutex::new(BTreeSet::new());
        Self { most, known }
    }

    /// Returns the label of a value.
    pub fn label<'a>(&self, value: &'a str) -> &'a str {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains(value) {
            return value;
        }
        if known.len() >= self.most {
            return Self::OTHER;
        }
        known.insert(value.to_owned());
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_has_no_more_values_than_were_allowed() {
        let capped = Capped::new(2);
        for value in ["a", "b", "a"] {
            assert_eq!(capped.label(value), value);
        }
        assert_eq!(capped.label("c"), Capped::OTHER);
        assert_eq!(capped.label("b"), "b");
    }
}
