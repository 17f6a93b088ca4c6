//! The matrix: every aim, reached once, with the process really gone.
//!
//! `KILL=after_commit@calling cargo test -p shop --test kill -- --nocapture` tries only the cases
//! whose name, as it is printed, has this in it. `cargo xtask test` tries a share of the cases, another
//! one for another commit; `cargo xtask test --long` tries all. The exploration is always whole.

use std::collections::HashMap;
use std::path::{Path as Directory, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use ballet::core::Part;
use ballet::core::topology::{self, DEAD};
use ballet_fault::FaultPoint;
use ballet_stage::{Servers, TestEnv, wait_until};
use futures_util::future::join_all;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::aims::{self, Aim};
use crate::path::Path;
use crate::process::Process;
use crate::world::{UNKNOWN, World};

/// How often an order is sent on a path before it counts as not leading to the aim.
const ATTEMPTS: u32 = 6;
/// For what a process does when a table's turn is over.
const WITHOUT_AN_ORDER: Duration = Duration::from_secs(60);
/// For what a process does at its start. As long as it may take to serve.
const AT_ITS_START: Duration = Duration::from_secs(300);

/// In how many shares the cases are, if `BALLET_TURN` says which one is tried.
const SHARES: usize = 4;
/// After this many cases of a service their orders are judged.
const TOGETHER: usize = 8;
/// For what happens beside an order, and after it: acks, marks.
const AFTERWARDS: Duration = Duration::from_secs(3);

/// One kill, or two when the second needs a first.
#[derive(Debug)]
struct Case {
    aims: Vec<Aim>,
    /// What leads to it, or gives the process work until it comes by itself.
    path: Path,
    by_itself: bool,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f12_t144_a_process_is_killed_at_any_point_of_any_step() {
    let place =
        PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("kill-{}", std::process::id()));
    let system = shop::system();
    let services: Vec<&'static str> = system.parts.iter().map(|part| part.service).collect();
    let definitions = topology::definitions(&system, |_| String::new());
    let servers = Servers::shared().await.expect("servers");
    let env =
        TestEnv::new(servers, "kill", &definitions, &services).await.expect("a test environment");
    let world = Arc::new(World::new(env));
    world.assortment.record(&world.env).await;

    let begun = Instant::now();
    let started = services.iter().map(|service| first_start(service, &world, &place));
    let mut processes = join_all(started).await;
    let leading = explore(&world, &processes, &system.parts).await;
    eprintln!("explored in {:?}", begun.elapsed());

    let mut matrix = Vec::new();
    let (mut unreached, mut unexpected) = (Vec::new(), Vec::new());
    for part in &system.parts {
        let (cases, missing) = plan(&aims::of(part), part.service, &leading);
        unreached.extend(missing);
        matrix.push(cases);
        let declared: Vec<String> = aims::of(part).iter().map(Aim::line).collect();
        let seen = leading.keys().filter(|(service, _)| *service == part.service);
        let lines = seen.map(|(_, line)| line).filter(|line| !declared.contains(line));
        // The stranger's message and the dead letter that it becomes.
        unexpected.extend(lines.filter(|line| !line.ends_with(UNKNOWN) && !line.ends_with(DEAD)));
    }
    assert_eq!(unreached, [""; 0], "unreached, and no reason in `Aim::unreachable`, or reached");
    assert_eq!(unexpected, [""; 0], "seen, and nobody declares it");

    if let Ok(only) = std::env::var("KILL") {
        let chosen = |case: &Case| case.aims.iter().any(|aim| aim.line().contains(&only));
        matrix.iter_mut().for_each(|cases: &mut Vec<Case>| cases.retain(chosen));
    }
    if let Ok(turn) = std::env::var("BALLET_TURN") {
        let turn: usize = turn.parse().expect("a number");
        let mut number = 0..;
        let mut is_in_turn = |_: &Case| number.next().is_some_and(|n| n % SHARES == turn % SHARES);
        matrix.iter_mut().for_each(|cases| cases.retain(&mut is_in_turn));
    }
    let cases: usize = matrix.iter().map(Vec::len).sum();
    let kills: usize = matrix.iter().flatten().map(|case| case.aims.len()).sum();
    let runs =
        processes.iter_mut().zip(&matrix).map(|(process, cases)| run_all(process, cases, &world));
    join_all(runs).await;
    let rows = world.is_sound().await;
    world.assortment.each_note_counts_once(&world.services).await;
    world.assortment.products_are_as_published(&world.env, &world.services).await;
    world.is_quiet().await;
    eprintln!(
        "{cases} cases, {kills} kills and {} at the first start, {rows} rows, {:?}",
        2 * services.len(),
        begun.elapsed()
    );
    drop(processes);
    std::fs::remove_dir_all(&place).expect("removed");
}

/// The framework's tables are made when a service is first started: it dies before and after.
async fn first_start(service: &'static str, world: &World, place: &Directory) -> Process {
    let mut process = Process::new(service, &world.env, place);
    for at in ["before_tables@partitions", "after_tables@partitions"] {
        process.aim(at);
        process.start();
        timeout(AT_ITS_START, process.died()).await.expect("it dies at its first start");
    }
    process.start();
    world.services.serves(service, process.serving().await);
    process
}

type Leading = HashMap<(&'static str, String), Path>;

/// Goes every path once; which is the first that leads to a point, in which service.
async fn explore(world: &World, processes: &[Process], parts: &[Part]) -> Leading {
    let services: Vec<&'static str> = parts.iter().map(|part| part.service).collect();
    let (mut leading, all) = (Leading::new(), Path::all(&services));
    for path in &all {
        go(*path, world, processes, &mut leading).await;
    }
    // A cancel that comes sooner or later than usual leads elsewhere, so it is tried again.
    let is_missing =
        |leading: &Leading, part: &Part| !plan(&aims::of(part), part.service, leading).1.is_empty();
    for _ in 0..ATTEMPTS {
        if !parts.iter().any(|part| is_missing(&leading, part)) {
            break;
        }
        for path in all.iter().filter(|path| path.is_late()) {
            go(*path, world, processes, &mut leading).await;
        }
    }
    leading
}

/// Goes a path, and notes to which points it is the first that leads.
async fn go(path: Path, world: &World, processes: &[Process], leading: &mut Leading) {
    for _ in 0..ATTEMPTS {
        let Some(order) = path.go(world).await else { break };
        if !path.is_late() || world.ends_somehow(&order).await == "cancelled" {
            break;
        }
    }
    // What comes later would count as the next path's: a refund that is confirmed only now.
    world.is_sound().await;
    world.is_quiet().await;
    quiet(processes).await;
    for process in processes {
        for line in process.seen() {
            leading.entry((process.service, line)).or_insert(path);
        }
    }
}

/// Waits until no process gets to a new point any more.
async fn quiet(processes: &[Process]) {
    let count = || processes.iter().map(|process| process.seen().len()).sum::<usize>();
    let last = std::cell::Cell::new((count(), Instant::now()));
    let quiet = wait_until("no new points", Duration::from_secs(60), || async {
        let (seen, since) = last.get();
        if count() != seen {
            last.set((count(), Instant::now()));
        }
        Ok::<_, String>((count() == seen && since.elapsed().as_millis() > 600).then_some(()))
    });
    quiet.await.expect("quiet");
}

/// The cases of one service, and what is wrong with the list of what cannot be reached.
fn plan(aims: &[Aim], service: &'static str, leading: &Leading) -> (Vec<Case>, Vec<String>) {
    let (mut cases, mut wrong) = (Vec::new(), Vec::new());
    let led = |aim: &Aim| leading.get(&(service, aim.line())).copied();
    for aim in aims {
        let by_itself = aim.what == "truncate";
        if aim.what == "partitions" {
            continue;
        }
        let first = aim.after();
        let path = if by_itself {
            // A table is emptied once its turn is over, if anything is in it.
            aims.iter().filter(|aim| aim.point == FaultPoint::BeforePublish).find_map(led)
        } else {
            led(first.as_ref().unwrap_or(aim))
        };
        match (path, aim.unreachable(service)) {
            (Some(path), None) => {
                let aims = first.into_iter().chain([aim.clone()]).collect();
                cases.push(Case { aims, path, by_itself });
            }
            (None, Some(_)) => {}
            (Some(_), Some(reason)) => {
                wrong.push(format!("{service} {} is reached, though {reason}", aim.line()));
            }
            (None, None) => wrong.push(format!("{service} {}", aim.line())),
        }
    }
    (cases, wrong)
}

/// All cases of one service. A case does not wait for the order of the one before, but every few
/// cases all orders have to be at their ends, and nothing may be wrong with them.
async fn run_all(process: &mut Process, cases: &[Case], world: &Arc<World>) {
    for cases in cases.chunks(TOGETHER) {
        let mut under_way = Vec::new();
        for case in cases {
            under_way.extend(run(case, process, world).await);
        }
        let mut orders = Vec::new();
        for (case, order) in under_way {
            let order = order.await;
            orders.extend(order.unwrap_or_else(|error| panic!("an order of {case}: {error}")));
        }
        world.are_sound(&orders).await;
    }
}

/// The case for which an order was sent, and its number when it is at its end.
type Order = (String, JoinHandle<Option<String>>);

/// Sends orders until the process is dead, and starts it again; gives the orders.
async fn run(case: &Case, process: &mut Process, world: &Arc<World>) -> Vec<Order> {
    let begun = Instant::now();
    let lines: Vec<String> = case.aims.iter().map(Aim::line).collect();
    let name = format!("{} {}", process.service, lines.join(", then "));
    let mut orders = Vec::new();
    for attempt in 1..=ATTEMPTS {
        process.aim(&lines[0]);
        let in_vain = Arc::new(Notify::new());
        let (path, by_itself) = (case.path, case.by_itself);
        let (of_world, told) = (Arc::clone(world), Arc::clone(&in_vain));
        let order = tokio::spawn(async move {
            let order_id = path.go(&of_world).await;
            if !by_itself {
                told.notify_one();
            }
            order_id
        });
        orders.push((name.clone(), order));
        let too_late = async {
            in_vain.notified().await;
            tokio::time::sleep(AFTERWARDS).await;
        };
        let died = tokio::select! {
            died = timeout(WITHOUT_AN_ORDER, process.died()) => died.is_ok(),
            () = too_late => false,
        };
        if !died && process.spare() {
            continue;
        }
        process.died().await;
        for line in &lines[1..] {
            process.aim(line);
            process.start();
            let died = timeout(AT_ITS_START, process.died()).await;
            died.unwrap_or_else(|_| panic!("{name}: it lives"));
        }
        process.start();
        world.services.serves(process.service, process.serving().await);
        eprintln!("{name}: {:?}, attempt {attempt}, {:?}", case.path, begun.elapsed());
        return orders;
    }
    panic!("{name}: {:?} did not lead to it", case.path);
}
