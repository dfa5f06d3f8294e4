//! Machines that load and contenders ran on.

/// Machine that the load and its server ran on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    /// Model name of the processor.
    pub cpu: String,
    /// Logical cores that this process may use.
    pub cores: u32,
    /// Installed memory.
    pub memory_bytes: u64,
    /// Operating system and kernel version.
    pub os: String,
    /// Frequency governor of the cores, such as `performance`; `None` where the system does not tell it, as in most virtual
    /// machines.
    pub governor: Option<String>,
    /// Family of the processor as the system writes it, such as `25`; on Arm the implementer, such as `0x41`.
    pub cpu_family: Option<String>,
    /// Model number of the processor, such as `1`; on Arm the part, such as `0xd0c`.
    pub cpu_model: Option<String>,
    /// Stepping of the processor, such as `1`; on Arm variant and revision, such as `r3p1`.
    pub cpu_stepping: Option<String>,
    /// Physical cores of the whole machine, unlike `cores`.
    pub physical_cores: Option<u32>,
    /// `true` if physical cores run more than one thread at a time.
    pub smt: Option<bool>,
    /// NUMA nodes that are online.
    pub numa_nodes: Option<u32>,
    /// Vector instruction sets that the system offers to programs, such as `AVX2`, in a fixed order.
    pub vector_instructions: Option<Vec<String>>,
    /// `true` if the clock may rise above its base frequency (boost, turbo).
    pub boost: Option<bool>,
    /// Hypervisor of the system: `unknown` for one without a name, `none` if the processor reports none.
    pub hypervisor: Option<String>,
}
