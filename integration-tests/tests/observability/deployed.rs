//! The dashboard and the alerts in `deploy/`: sound, and about metrics that exist.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use integration_tests::process::judge;
use regex::Regex;
use serde_json::Value;

fn deploy() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy")
}

/// Returns every expression of the dashboard, by the title of its panel.
fn panels() -> Result<Vec<(String, String)>> {
    let text = std::fs::read_to_string(deploy().join("grafana/spindle.json"))?;
    let dashboard: Value = serde_json::from_str(&text)?;
    let mut found = Vec::new();
    for panel in dashboard["panels"].as_array().context("no panels")? {
        let title = panel["title"].as_str().context("no title")?;
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().context("no expression")?;
            found.push((title.to_owned(), expression.to_owned()));
        }
    }
    ensure!(found.len() > 30, "{} expressions", found.len());
    Ok(found)
}

/// Fails if the dashboard or an alert names a metric that no process has.
pub fn name_nothing_else(live: &BTreeSet<String>) -> Result<()> {
    let rules = std::fs::read_to_string(deploy().join("prometheus/rules.yaml"))?;
    let metric = Regex::new(r"\b(?:spindle|process)_[a-z0-9_]+")?;
    let ending = Regex::new("_(bucket|sum|count)$")?;
    let mut texts = vec![("rules.yaml".to_owned(), rules)];
    texts.extend(panels()?);
    let mut named = BTreeSet::new();
    for (place, text) in texts {
        for found in metric.find_iter(&text) {
            // Rules that the file itself records have colons in their names.
            let before = text[..found.start()].chars().next_back();
            if before == Some(':') {
                continue;
            }
            let name = found.as_str();
            let of_histogram = ending.replace(name, "").into_owned();
            let is_there = live.contains(name) || live.contains(&of_histogram);
            ensure!(is_there, "{place}: {name} is no metric of {live:?}");
            named.insert(of_histogram);
        }
    }
    ensure!(named.len() > 25, "{named:?}");
    Ok(())
}

#[test]
fn alerts_are_sound_and_do_what_their_tests_say() -> Result<()> {
    let folder = deploy().join("prometheus");
    let path = |name: &str| folder.join(name).display().to_string();
    judge("promtool", &["check", "rules", &path("rules.yaml")])?;
    judge("promtool", &["test", "rules", &path("rules_test.yaml")])?;
    Ok(())
}

#[test]
fn every_panel_asks_in_promql() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut rules = String::from("groups:\n- name: panels\n  rules:\n");
    for (index, (_, expression)) in panels()?.into_iter().enumerate() {
        let expression = expression
            .replace("$__rate_interval", "5m")
            .replace('\'', "''");
        rules += &format!("  - record: panel:{index}\n    expr: '{expression}'\n");
    }
    let file = folder.path().join("panels.yaml");
    std::fs::write(&file, rules)?;
    judge("promtool", &["check", "rules", &file.display().to_string()])?;
    Ok(())
}
