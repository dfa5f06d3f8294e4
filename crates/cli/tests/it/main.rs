//! End-to-end tests of the binary: output, files, and exit codes.

#![expect(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bakeoff;
mod browser;
mod clients;
mod compare;
mod docker;
mod docs;
mod docs_scenarios;
mod eval;
mod fastapi;
mod faults;
mod hostile;
mod hub;
mod load;
mod locust;
mod operation;
mod otlp;
mod outcomes;
mod rolling;
mod runs;
mod serve;
mod swarm;
mod web;
