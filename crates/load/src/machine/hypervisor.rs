//! Name of the hypervisor that a machine runs under. Pure: it reads no file.

/// Parts of the vendor and product names of virtual machines.
const VIRTUAL: [&str; 9] = [
    "QEMU",
    "KVM",
    "VMware",
    "VirtualBox",
    "Virtual Machine",
    "HVM domU",
    "Google Compute Engine",
    "Amazon EC2",
    "OpenStack",
];

/// Signs of a hypervisor.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Signs<'a> {
    /// `true` if the processor reports a hypervisor; `None` for a processor that cannot report one.
    pub(super) told_by_processor: Option<bool>,
    /// Content of `/sys/hypervisor/type`, such as `xen`.
    pub(super) kind: Option<&'a str>,
    /// Vendor of the machine (DMI), such as `QEMU`.
    pub(super) vendor: Option<&'a str>,
    /// Product name of the machine (DMI).
    pub(super) product: Option<&'a str>,
}

/// Name of the hypervisor: `unknown` without a name, `none` without a hypervisor, and `None` if the signs do not tell.
pub(super) fn name(signs: &Signs<'_>) -> Option<String> {
    if let Some(kind) = signs.kind {
        return Some(kind.to_owned());
    }
    let product = match (signs.vendor, signs.product) {
        // `Google` makes the product `Google Compute Engine`.
        (Some(vendor), Some(product)) if !product.starts_with(vendor) => {
            Some(format!("{vendor} {product}"))
        }
        (vendor, product) => product.or(vendor).map(str::to_owned),
    };
    match signs.told_by_processor {
        Some(false) => Some("none".to_owned()),
        Some(true) => Some(product.unwrap_or_else(|| "unknown".to_owned())),
        None => product.filter(|product| is_virtual(product)),
    }
}

/// `true` if `product` is a name of virtual machines. Amazon names its machines without a hypervisor `….metal`.
fn is_virtual(product: &str) -> bool {
    !product.contains(".metal") && VIRTUAL.iter().any(|part| product.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(told_by_processor: Option<bool>, dmi: [&str; 2], expected: Option<&str>) {
        let [vendor, product] = dmi.map(|text| Some(text).filter(|text| !text.is_empty()));
        let signs = Signs {
            told_by_processor,
            kind: None,
            vendor,
            product,
        };
        assert_eq!(name(&signs).as_deref(), expected, "{dmi:?}");
    }

    #[test]
    fn the_processor_decides_where_it_tells() {
        let google = ["Google", "Google Compute Engine"];
        check(Some(true), google, Some("Google Compute Engine"));
        check(Some(true), ["QEMU", ""], Some("QEMU"));
        check(Some(true), ["", ""], Some("unknown"));
        check(Some(false), ["Dell Inc.", "PowerEdge R650"], Some("none"));
    }

    #[test]
    fn elsewhere_the_names_of_virtual_machines_are_known() {
        let amazon = "Amazon EC2 m7g.large";
        check(None, ["Amazon EC2", "m7g.large"], Some(amazon));
        check(None, ["Amazon EC2", "m7g.metal"], None);
        check(None, ["Ampere", "Altra"], None);
        check(None, ["", ""], None);
    }

    #[test]
    fn the_systems_own_word_comes_first() {
        let signs = Signs {
            told_by_processor: Some(false),
            kind: Some("xen"),
            ..Signs::default()
        };
        assert_eq!(name(&signs).as_deref(), Some("xen"));
    }
}
