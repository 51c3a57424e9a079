//! The kinds of GPUs on the market, with their public data.

/// A kind of GPU.
#[derive(Debug)]
pub(super) struct GpuKind {
    pub name: &'static str,
    /// In MB, of one.
    pub memory: u64,
    /// In dollars per hour, of one.
    pub price: f64,
    pub compute_cap: u64,
    pub teraflops: f64,
    /// Of its memory, in GB per second.
    pub bandwidth: f64,
    pub watts: u64,
}

const fn kind(
    name: &'static str,
    memory: u64,
    price: f64,
    compute_cap: u64,
    (teraflops, bandwidth, watts): (f64, f64, u64),
) -> GpuKind {
    GpuKind {
        name,
        memory,
        price,
        compute_cap,
        teraflops,
        bandwidth,
        watts,
    }
}

/// GPUs and their count, of the first machines in turn.
pub(super) static DATA_CENTRE: [(GpuKind, u64); 5] = [
    (h100(2.0), 4),
    (h100(1.95), 8),
    (A100, 4),
    (RTX_4090, 1),
    (h200(2.7), 4),
];

/// Each machine beyond the first has one of these, in one of the counts. Common kinds are listed twice or more.
#[rustfmt::skip]
pub(super) static COMMUNITY: [(GpuKind, &[u64]); 32] = [
    (RTX_4090, &[1, 1, 1, 2, 4, 8]),
    (RTX_4090, &[1, 2, 4]),
    (kind("RTX 3090", 24_576, 0.17, 860, (35.6, 936.0, 350)), &[1, 1, 2, 4, 8]),
    (kind("RTX 3090", 24_576, 0.16, 860, (35.6, 936.0, 350)), &[1, 4]),
    (kind("RTX 5090", 32_607, 0.55, 1_200, (104.8, 1_792.0, 575)), &[1, 1, 2, 4, 8]),
    (kind("RTX 5090", 32_607, 0.5, 1_200, (104.8, 1_792.0, 575)), &[1, 2]),
    (kind("RTX 3060", 12_288, 0.06, 860, (12.7, 360.0, 170)), &[1, 2, 4]),
    (kind("RTX 3080", 10_240, 0.09, 860, (29.8, 760.0, 320)), &[1, 2]),
    (kind("RTX 4080", 16_376, 0.2, 890, (48.7, 717.0, 320)), &[1, 2]),
    (kind("RTX 4070 Ti", 12_282, 0.13, 890, (40.1, 504.0, 285)), &[1]),
    (kind("RTX 5080", 16_303, 0.24, 1_200, (56.3, 960.0, 360)), &[1, 2]),
    (kind("RTX 6000Ada", 49_140, 0.6, 890, (91.1, 960.0, 300)), &[1, 2, 4]),
    (kind("RTX A6000", 49_140, 0.4, 860, (38.7, 768.0, 300)), &[1, 2, 4, 8]),
    (kind("RTX A5000", 24_564, 0.2, 860, (27.8, 768.0, 230)), &[1, 4, 8]),
    (kind("RTX A4000", 16_376, 0.1, 860, (19.2, 448.0, 140)), &[1, 2, 7]),
    (kind("RTX PRO 6000 S", 97_887, 1.1, 1_200, (125.0, 1_597.0, 600)), &[1, 2, 4, 8]),
    (kind("L40S", 46_068, 0.55, 890, (91.6, 864.0, 350)), &[1, 2, 4, 8]),
    (kind("L4", 23_034, 0.28, 890, (30.3, 300.0, 72)), &[1, 2, 4]),
    (kind("Tesla T4", 15_360, 0.12, 750, (8.1, 320.0, 70)), &[1, 4]),
    (kind("Tesla V100", 32_768, 0.19, 700, (15.7, 900.0, 300)), &[1, 4, 8]),
    (kind("A40", 46_068, 0.35, 860, (37.4, 696.0, 300)), &[1, 4, 8]),
    (kind("A100 PCIE", 81_920, 0.8, 800, (19.5, 1_935.0, 300)), &[1, 2, 4, 8]),
    (A100, &[1, 2, 4, 8]),
    (kind("H100 PCIE", 81_559, 1.8, 900, (51.2, 2_039.0, 350)), &[1, 2, 4, 8]),
    (kind("H100 NVL", 95_830, 1.9, 900, (60.0, 3_938.0, 400)), &[1, 2, 4, 8]),
    (h100(2.0), &[1, 2, 4, 8]),
    (h100(2.3), &[4, 4, 8]),
    (h100(2.6), &[4, 8]),
    (h200(3.1), &[1, 2, 4, 8]),
    (h200(2.9), &[4, 8]),
    (kind("H200 NVL", 143_771, 2.9, 900, (60.0, 4_800.0, 600)), &[1, 2, 4]),
    (kind("B200", 183_359, 4.6, 1_000, (80.0, 8_000.0, 1_000)), &[1, 4, 8]),
];

const A100: GpuKind = kind("A100 SXM4", 81_920, 1.0, 800, (19.5, 2_039.0, 400));
const RTX_4090: GpuKind = kind("RTX 4090", 24_564, 0.35, 890, (82.6, 1_008.0, 450));

const fn h100(price: f64) -> GpuKind {
    kind("H100 SXM", 81_559, price, 900, (66.9, 3_350.0, 700))
}

const fn h200(price: f64) -> GpuKind {
    kind("H200", 143_771, price, 900, (66.9, 4_800.0, 700))
}

/// Their names; some more than once.
pub(super) fn names() -> impl Iterator<Item = &'static str> {
    let first = DATA_CENTRE.iter().map(|(gpu, _)| gpu.name);
    first.chain(COMMUNITY.iter().map(|(gpu, _)| gpu.name))
}
