//! The machine of a measurement in words: CPU, memory, operating system, and details of the CPU.

use bakeoff_analysis::words;
use bakeoff_record::machine::Machine;

/// Lines about the machine: one about the machine, and one about its CPU if the record has more than the CPU's name.
pub(super) fn lines(machine: &Machine) -> Vec<String> {
    let governor = machine.governor.as_ref();
    let governor = governor.map_or_else(String::new, |governor| {
        format!(", CPU frequency governor “{governor}”")
    });
    let first = format!(
        "Machine: {}, {}, {} of memory, {}{governor}",
        machine.cpu,
        words::several(machine.cores as usize, "core"),
        words::bytes(machine.memory_bytes),
        machine.os
    );
    let processor = processor(machine).map(|processor| format!("CPU: {processor}."));
    [first].into_iter().chain(processor).collect()
}

/// The machine and its CPU as a part of a sentence, without the frequency governor.
pub(super) fn sentence_part(machine: &Machine) -> String {
    let first = format!(
        "{}, {}, {}, {}",
        machine.cpu,
        words::several(machine.cores as usize, "core"),
        words::bytes(machine.memory_bytes),
        machine.os
    );
    processor(machine).map_or(first.clone(), |processor| format!("{first} ({processor})"))
}

/// Details of the CPU; `None` if the record has only its name.
fn processor(machine: &Machine) -> Option<String> {
    let numbers = [
        ("family", &machine.cpu_family),
        ("model", &machine.cpu_model),
        ("stepping", &machine.cpu_stepping),
    ];
    let numbers: Vec<String> = numbers
        .into_iter()
        .filter_map(|(name, value)| Some(format!("{name} {}", value.as_ref()?)))
        .collect();
    let count = |number: Option<u32>, thing| Some(words::several(number? as usize, thing));
    let switch =
        |on: Option<bool>, name| Some(format!("{name} {}", if on? { "on" } else { "off" }));
    let vectors = machine.vector_instructions.as_ref().map(|sets| {
        if sets.is_empty() {
            "no known vector instructions".to_owned()
        } else {
            format!("vector instructions {}", sets.join(", "))
        }
    });
    let parts = [
        (!numbers.is_empty()).then(|| numbers.join(", ")),
        count(machine.physical_cores, "physical core"),
        switch(machine.smt, "SMT"),
        count(machine.numa_nodes, "NUMA node"),
        vectors,
        switch(machine.boost, "boost"),
        machine.hypervisor.as_deref().map(hypervisor),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn hypervisor(name: &str) -> String {
    match name {
        "none" => "not a virtual machine".to_owned(),
        "unknown" => "virtual machine, hypervisor unknown".to_owned(),
        name => format!("virtual machine on {name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bakeoff_record::fixture;

    #[test]
    fn details_of_the_cpu_are_a_line_of_their_own() {
        let machine = fixture::described_machine();
        assert_eq!(
            lines(&machine),
            [
                "Machine: Example CPU 3000, 2 cores, 8.00 GB of memory, Linux 6.1, CPU frequency governor “performance”",
                "CPU: family 25, model 1, stepping 1; 2 physical cores; SMT off; 1 NUMA node; \
                 vector instructions AVX, AVX2, FMA, F16C; boost on; virtual machine on QEMU Standard PC.",
            ]
        );
    }

    #[test]
    fn unknown_details_are_left_out() {
        let machine = Machine {
            cpu: "a processor".to_owned(),
            ..Machine::default()
        };
        assert_eq!(lines(&machine).len(), 1);
        let bare = Machine {
            hypervisor: Some("none".to_owned()),
            vector_instructions: Some(Vec::new()),
            ..machine
        };
        assert_eq!(
            lines(&bare)[1],
            "CPU: no known vector instructions; not a virtual machine."
        );
    }
}
