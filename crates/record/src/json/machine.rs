//! Machines at rest.

use serde::{Deserialize, Serialize};

use super::at_rest::at_rest;
use crate::machine::Machine;

/// [`Machine`] at rest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_docs,
    reason = "the fields are those of `Machine` and their documentation is there"
)]
pub struct MachineRecord {
    pub cpu: String,
    pub cores: u32,
    pub memory_bytes: u64,
    pub os: String,
    #[serde(default)]
    pub governor: Option<String>,
    #[serde(default)]
    pub cpu_family: Option<String>,
    #[serde(default)]
    pub cpu_model: Option<String>,
    #[serde(default)]
    pub cpu_stepping: Option<String>,
    #[serde(default)]
    pub physical_cores: Option<u32>,
    #[serde(default)]
    pub smt: Option<bool>,
    #[serde(default)]
    pub numa_nodes: Option<u32>,
    #[serde(default)]
    pub vector_instructions: Option<Vec<String>>,
    #[serde(default)]
    pub boost: Option<bool>,
    #[serde(default)]
    pub hypervisor: Option<String>,
}

at_rest!(
    Machine,
    MachineRecord {
        cpu,
        cores,
        memory_bytes,
        os,
        governor,
        cpu_family,
        cpu_model,
        cpu_stepping,
        physical_cores,
        smt,
        numa_nodes,
        vector_instructions,
        boost,
        hypervisor
    }
);
