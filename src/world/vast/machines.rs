//! The market's machines: what each is, where, and whose. Seed and number determine it.

use std::net::Ipv4Addr;

use serde_json::{Map, Value, json};

use crate::world::numbers::{number, number_of, uniform, whole};
use crate::world::state::World;
use crate::world::vast::gpus::{COMMUNITY, DATA_CENTRE, GpuKind};

/// The id of the first machine.
pub(super) const FIRST_MACHINE: u64 = 40_000;
/// The kinds of a machine's random numbers begin here.
const FIRST_ROLL: u64 = 100;
const HOSTS: f64 = 600.0;
/// 198.18.0.0/15, the network for benchmarks, is nobody's (RFC 2544).
const NETWORK: u32 = 0xC612_0000;

const PLACES: [&str; 24] = [
    "Washington, US",
    "California, US",
    "Texas, US",
    "Virginia, US",
    ", US",
    "Quebec, CA",
    "British Columbia, CA",
    "Sweden, SE",
    "Norway, NO",
    "Iceland, IS",
    "Germany, DE",
    "Netherlands, NL",
    "France, FR",
    "Poland, PL",
    "Czechia, CZ",
    "Spain, ES",
    "United Kingdom, GB",
    "Ukraine, UA",
    "Japan, JP",
    "South Korea, KR",
    "Taiwan, TW",
    "Vietnam, VN",
    "Australia, AU",
    "South Africa, ZA",
];

/// A version, the same as a number, and the CUDA version that it supports.
type Driver = (&'static str, u64, f64);

/// The newest first.
const DRIVERS: [Driver; 6] = [
    ("580.126.09", 580_126_009, 13.0),
    ("575.57.08", 575_057_008, 12.9),
    ("570.172.08", 570_172_008, 12.8),
    ("565.77", 565_077_000, 12.7),
    ("550.163.01", 550_163_001, 12.4),
    ("535.247.01", 535_247_001, 12.2),
];

/// A processor, its mainboard, and its gigahertz.
type Board = (&'static str, &'static str, f64);

const BOARDS: [Board; 6] = [
    ("AMD EPYC 9354", "H13SSL-N", 3.25),
    ("AMD EPYC 7B13 64-Core Processor", "ROME2D32GM", 2.45),
    ("Xeon® Platinum 8480+", "X13DEG-OAD", 2.0),
    (
        "AMD Ryzen Threadripper PRO 5975WX 32-Cores",
        "WRX80E-SAGE",
        3.6,
    ),
    ("Xeon® E5-2698 v4", "X99-F8D PLUS", 2.2),
    ("AMD Ryzen 9 7950X 16-Core Processor", "B650M-HDV", 4.5),
];

/// One machine of the market.
pub(super) struct SimMachine {
    pub number: u64,
    pub kind: MachineKind,
    pub gpu: &'static GpuKind,
    pub gpus: u64,
    host: u64,
    /// Its share of the whole box.
    fraction: f64,
    board: Board,
    /// Of the whole box.
    cores: u64,
    /// In MB, of the whole box.
    ram: u64,
    driver: Driver,
    disk: Disk,
    link: Link,
    place: &'static str,
    reliability: f64,
    verification: Verification,
    is_data_centre: bool,
    /// In dollars per GB and month.
    pub storage_cost: f64,
    score: f64,
    /// Columns that it does not report.
    unknown: Vec<&'static str>,
}

/// In GB, and in MB per second.
struct Disk {
    space: f64,
    speed: f64,
}

/// In Mbit/s, and in dollars per GB.
struct Link {
    down: f64,
    up: f64,
    down_cost: f64,
    up_cost: f64,
    ports: u64,
    has_static_ip: bool,
    address: Ipv4Addr,
}

#[derive(Clone, Copy)]
enum Verification {
    Unverified = 0,
    Verified = 1,
    Deverified = 2,
}

/// What a machine is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MachineKind {
    /// Modern, verified, in one data centre.
    DataCentre,
    /// Of all kinds, all over the world.
    Community,
}

impl World {
    pub(super) fn kind_of(&self, machine: u64) -> MachineKind {
        if machine < self.scenario.data_centre {
            MachineKind::DataCentre
        } else {
            MachineKind::Community
        }
    }
}

/// A machine's GPUs and their count. Cheaper than the whole machine, for searches.
pub(super) fn gpus_of(seed: u64, kind: MachineKind, machine: u64) -> (&'static GpuKind, u64) {
    match kind {
        MachineKind::DataCentre => {
            let (gpu, gpus) = one_of(&DATA_CENTRE, machine);
            (gpu, *gpus)
        }
        MachineKind::Community => community_gpus(&mut Rolls::of(seed, machine)),
    }
}

/// Takes the first two rolls of a machine.
fn community_gpus(rolls: &mut Rolls) -> (&'static GpuKind, u64) {
    let (gpu, counts) = rolls.pick(&COMMUNITY);
    (gpu, *rolls.pick(counts))
}

impl SimMachine {
    pub fn of(seed: u64, kind: MachineKind, machine: u64) -> SimMachine {
        match kind {
            MachineKind::DataCentre => alike(seed, machine),
            MachineKind::Community => various(seed, machine),
        }
    }

    /// Price of the GPUs, in dollars per hour; it rises with `share`, from 0 to 1.
    pub fn price(&self, share: f64) -> f64 {
        let risk = match self.verification {
            Verification::Verified => 1.0,
            Verification::Unverified | Verification::Deverified => 0.85,
        };
        self.gpu.price * number(self.gpus) * (0.95 + 0.5 * share) * risk
    }

    /// The columns that stay the same as long as the machine is there.
    pub fn columns(&self) -> Map<String, Value> {
        let mut columns = Map::new();
        for part in [self.gpu_columns(), self.box_columns(), self.standing()] {
            if let Value::Object(part) = part {
                columns.extend(part);
            }
        }
        for name in &self.unknown {
            columns.insert((*name).into(), Value::Null);
        }
        columns
    }

    fn gpu_columns(&self) -> Value {
        let gpu = self.gpu;
        let speed = gpu.teraflops * number(self.gpus);
        let link = if gpu.name.contains("SXM") { 450.0 } else { 0.0 };
        let ids: Vec<u64> = (0..self.gpus).map(|gpu| 100 * self.number + gpu).collect();
        json!({
            "num_gpus": self.gpus, "gpu_name": gpu.name, "gpu_arch": "nvidia", "gpu_ram": gpu.memory,
            "gpu_total_ram": gpu.memory * self.gpus, "gpu_frac": self.fraction, "compute_cap": gpu.compute_cap,
            "gpu_lanes": 16, "gpu_mem_bw": gpu.bandwidth, "gpu_max_power": gpu.watts, "gpu_max_temp": 90,
            "gpu_ids": ids, "gpu_display_active": false, "bw_nvlink": link,
            "total_flops": speed, "dlperf": round4(1.4 * speed), "score": self.score,
        })
    }

    fn box_columns(&self) -> Value {
        let (cpu, board, gigahertz) = self.board;
        let (driver, driver_number, cuda) = self.driver;
        let Link {
            down,
            up,
            down_cost,
            up_cost,
            ..
        } = self.link;
        json!({
            "cuda_max_good": cuda, "driver_version": driver, "driver_vers": driver_number,
            "cpu_name": cpu, "cpu_arch": "amd64", "cpu_cores": self.cores, "cpu_ghz": gigahertz,
            "cpu_cores_effective": number(self.cores) * self.fraction, "cpu_ram": self.ram, "has_avx": 1,
            "mobo_name": board, "os_version": "22.04", "pcie_bw": 24.5,
            "pci_gen": if self.gpu.compute_cap >= 900 { 5.0 } else { 4.0 },
            "disk_name": "SAMSUNG MZQL27T6HBLA", "disk_bw": self.disk.speed, "disk_space": self.disk.space,
            "inet_up": up, "inet_down": down, "inet_up_cost": up_cost, "inet_down_cost": down_cost,
            "internet_up_cost_per_tb": 1_024.0 * up_cost, "internet_down_cost_per_tb": 1_024.0 * down_cost,
            "direct_port_count": self.link.ports, "static_ip": self.link.has_static_ip,
            "public_ipaddr": self.link.address, "geolocation": self.place, "geolocode": 40_000_000 + self.host,
        })
    }

    fn standing(&self) -> Value {
        let reliability = self.reliability;
        let verification = match self.verification {
            Verification::Unverified => "unverified",
            Verification::Verified => "verified",
            Verification::Deverified => "deverified",
        };
        json!({
            "machine_id": FIRST_MACHINE + self.number, "host_id": self.host, "bundle_id": 900_000 + self.number,
            "reliability": reliability, "reliability2": reliability, "reliability_mult": reliability,
            "expected_reliability": reliability, "verification": verification, "vericode": self.verification as u8,
            "is_vm_deverified": false, "hosting_type": u8::from(self.is_data_centre),
            "storage_cost": self.storage_cost, "rentable": true, "rented": false, "external": null,
            "is_bid": false, "platform_fee": null, "vms_enabled": false, "hostname": null, "webpage": null,
            "logo": "/static/logos/vastai_small2.png", "resource_type": "gpu", "cluster_id": null,
            "bundled_results": null, "avail_vol_ask_id": null, "avail_vol_dph": null, "avail_vol_size": null,
            "nw_disk_min_bw": null, "nw_disk_max_bw": null, "nw_disk_avg_bw": null, "credit_discount_max": 0.4,
            "discount_rate": 0.0, "discounted_hourly": 0.0, "rn": 1, "time_remaining": "", "time_remaining_isbid": "",
        })
    }
}

fn alike(seed: u64, machine: u64) -> SimMachine {
    let (gpu, gpus) = gpus_of(seed, MachineKind::DataCentre, machine);
    let share = |what: u64| uniform(seed, what, machine);
    SimMachine {
        number: machine,
        kind: MachineKind::DataCentre,
        gpu,
        gpus,
        host: 50_000 + machine / 3,
        fraction: 0.5,
        board: BOARDS[0],
        cores: 128,
        ram: 1_031_000,
        driver: DRIVERS[0],
        disk: Disk {
            space: 900.0 + 100.0 * number(machine % 20),
            speed: 3_100.5,
        },
        link: Link {
            down: round4(2_000.0 + 6_000.0 * share(5)),
            up: 1_800.0,
            down_cost: 0.002,
            up_cost: 0.004,
            ports: 124,
            has_static_ip: true,
            address: address(machine),
        },
        place: PLACES[0],
        reliability: round4(0.97 + 0.03 * share(8)),
        verification: Verification::Verified,
        is_data_centre: true,
        storage_cost: round4(0.1 + 0.1 * share(6)),
        score: 345.6,
        unknown: Vec::new(),
    }
}

fn various(seed: u64, machine: u64) -> SimMachine {
    let mut rolls = Rolls::of(seed, machine);
    let (gpu, gpus) = community_gpus(&mut rolls);
    // The square makes hosts with many machines, and many hosts with one or two.
    let host = 50_100 + whole(HOSTS * rolls.next() * rolls.next());
    let mut of_host = Rolls::of(seed, host);
    let is_data_centre = of_host.next() < 0.35;
    let place = *of_host.pick(&PLACES);
    let boxes: Vec<u64> = [gpus, 4, 8]
        .into_iter()
        .filter(|all| *all >= gpus)
        .collect();
    let cores = 16 * (1 + whole(8.0 * rolls.next()));
    let ram = 64_000 * (1 + whole(12.0 * rolls.next()));
    let optional = ["cpu_name", "cpu_ghz", "pcie_bw", "dlperf", "disk_name"];
    SimMachine {
        number: machine,
        kind: MachineKind::Community,
        gpu,
        gpus,
        host,
        fraction: number(gpus) / number(*rolls.pick(&boxes)),
        board: *rolls.pick(&BOARDS),
        cores,
        ram,
        driver: DRIVERS[index(whole(6.0 * rolls.next() * rolls.next()), DRIVERS.len())],
        disk: Disk {
            space: round4(40.0 + 2_500.0 * rolls.next()),
            speed: round4(400.0 + 5_000.0 * rolls.next()),
        },
        link: Link::of(machine, host, is_data_centre, &mut rolls),
        place,
        reliability: round4(1.0 - 0.25 * rolls.next() * rolls.next() * rolls.next()),
        verification: match rolls.next() {
            ..0.72 => Verification::Verified,
            ..0.95 => Verification::Unverified,
            _ => Verification::Deverified,
        },
        is_data_centre,
        storage_cost: round4(0.05 + 0.2 * rolls.next()),
        score: round4(200.0 + 200.0 * rolls.next()),
        unknown: optional
            .into_iter()
            .filter(|_| rolls.next() < 0.06)
            .collect(),
    }
}

impl Link {
    fn of(machine: u64, host: u64, is_data_centre: bool, rolls: &mut Rolls) -> Link {
        let share = rolls.next();
        let down = 80.0 + 7_000.0 * share * share;
        let (up_cost, down_cost) = match rolls.next() {
            ..0.3 => (0.0, 0.0),
            share => (round4(0.03 * share), round4(0.02 * share)),
        };
        Link {
            down: round4(down),
            up: round4(down * (0.2 + 0.7 * rolls.next())),
            down_cost,
            up_cost,
            ports: whole(250.0 * rolls.next()),
            has_static_ip: is_data_centre || rolls.next() < 0.4,
            // All machines of a private host are behind one router.
            address: address(if is_data_centre { machine } else { host }),
        }
    }
}

fn address(place: u64) -> Ipv4Addr {
    Ipv4Addr::from(NETWORK + u32::try_from(place).unwrap_or(0))
}

/// Numbers in `0..1`, one after the other, which depend only on seed and item.
struct Rolls {
    seed: u64,
    item: u64,
    what: u64,
}

impl Rolls {
    fn of(seed: u64, item: u64) -> Rolls {
        Rolls {
            seed,
            item,
            what: FIRST_ROLL,
        }
    }

    fn next(&mut self) -> f64 {
        self.what += 1;
        uniform(self.seed, self.what, self.item)
    }

    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let place = whole(self.next() * number(number_of(list.len())));
        one_of(list, place)
    }
}

fn one_of<T>(list: &[T], place: u64) -> &T {
    &list[index(place, list.len())]
}

fn index(place: u64, length: usize) -> usize {
    usize::try_from(place).unwrap_or(0) % length
}

pub(super) fn round4(x: f64) -> f64 {
    (x * 10_000.0).round() / 10_000.0
}
