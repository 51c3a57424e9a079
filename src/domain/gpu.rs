//! Families of GPUs with official deployments.

/// A family of data centre GPUs. Its variants (SXM and others) run with the same arguments.
#[derive(Debug, strum::Display, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GpuFamily {
    A100,
    H100,
    H200,
    B200,
    B300,
}

impl GpuFamily {
    /// By the market's or the driver's name: `H100 SXM`, `NVIDIA H200`. A `GH200` is another machine.
    pub fn of(name: &str) -> Option<GpuFamily> {
        let mut words = name.split(|c: char| !c.is_ascii_alphanumeric());
        words.find_map(|word| match word.to_ascii_uppercase().as_str() {
            "A100" => Some(GpuFamily::A100),
            "H100" => Some(GpuFamily::H100),
            "H200" => Some(GpuFamily::H200),
            "B200" => Some(GpuFamily::B200),
            "B300" => Some(GpuFamily::B300),
            _ => None,
        })
    }

    /// Memory of one, in gigabytes.
    pub fn memory_gb(self) -> u32 {
        match self {
            GpuFamily::A100 | GpuFamily::H100 => 80,
            GpuFamily::H200 => 141,
            GpuFamily::B200 => 180,
            GpuFamily::B300 => 288,
        }
    }

    /// The market's names of its variants.
    pub fn market_names(self) -> &'static [&'static str] {
        match self {
            GpuFamily::A100 => &["A100 SXM4", "A100 PCIE"],
            GpuFamily::H100 => &["H100 SXM", "H100 NVL", "H100 PCIE"],
            GpuFamily::H200 => &["H200", "H200 NVL"],
            GpuFamily::B200 => &["B200"],
            GpuFamily::B300 => &["B300"],
        }
    }

    /// The family that all these names belong to, if there is one.
    pub fn common(names: &[String]) -> Option<GpuFamily> {
        let (first, others) = names.split_first()?;
        let family = GpuFamily::of(first)?;
        let is_same = |name: &String| GpuFamily::of(name) == Some(family);
        others.iter().all(is_same).then_some(family)
    }
}

/// Whether two names may be the same GPU's, the market's and the driver's: of one family, or with a model
/// number in common, as `RTX 4090` and `NVIDIA GeForce RTX 4090`.
pub fn is_same_gpu(a: &str, b: &str) -> bool {
    match (GpuFamily::of(a), GpuFamily::of(b)) {
        (None, None) => {
            let numbers = model_numbers(b);
            model_numbers(a)
                .iter()
                .any(|number| numbers.contains(number))
        }
        (a, b) => a == b,
    }
}

/// `4090` of `RTX 4090`, `A6000` of `RTX A6000`, but not `24GB`.
fn model_numbers(name: &str) -> Vec<String> {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    let words = words.map(str::to_ascii_uppercase);
    words
        .filter(|word| word.contains(|c: char| c.is_ascii_digit()) && !word.ends_with("GB"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn driver_name_resembles_the_offer() {
        for (reported, offered, same) in [
            ("NVIDIA H100 80GB HBM3", "H100 SXM", true),
            ("NVIDIA GeForce RTX 4090", "RTX 4090", true),
            ("NVIDIA RTX A6000", "RTX A6000", true),
            ("NVIDIA A100-SXM4-80GB", "H100 SXM", false),
            ("NVIDIA GH200 480GB", "H100 SXM", false),
            ("Tesla T4 24GB", "RTX 4090 24GB", false),
            ("", "RTX 4090", false),
            ("EVIL", "H100 SXM", false),
        ] {
            assert_eq!(is_same_gpu(reported, offered), same, "{reported} {offered}");
        }
    }

    #[test]
    fn market_names_have_a_family() {
        for (name, family) in [
            ("H100 SXM", Some(GpuFamily::H100)),
            ("H100_NVL", Some(GpuFamily::H100)),
            ("NVIDIA H200", Some(GpuFamily::H200)),
            ("A100 PCIE", Some(GpuFamily::A100)),
            ("GH200 SXM", None),
            ("RTX 4090", None),
            ("", None),
        ] {
            assert_eq!(GpuFamily::of(name), family, "{name}");
        }
        let common = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            GpuFamily::common(&names)
        };
        assert_eq!(common(&["H100 SXM", "H100 NVL"]), Some(GpuFamily::H100));
        assert_eq!(common(&["H100 SXM", "H200"]), None);
        assert_eq!(common(&[]), None);
    }
}
