//! copycost: parse, dispatch, exit code.

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use copycost::agent::handshake::Token;
use copycost::agent::serve;
use copycost::cli::{AgentArgs, Cli, Command};
use copycost::command::{
    Exit, Interrupted, UsageError, health, measure, paths, print, schema, sweep, vm, xray,
};
use copycost::output::{Out, say};
use copycost::vm::guest;
use copycost::{link, report};

fn main() -> ExitCode {
    if guest::is_init() {
        guest::run();
    }
    let cli = Cli::parse();
    let code = dispatch(&cli.command).unwrap_or_else(|error| {
        say(format_args!("copycost: {error:#}"));
        let exit = match () {
            () if error.is::<UsageError>() => Exit::Usage,
            () if error.is::<Interrupted>() => Exit::Interrupted,
            () => Exit::Unable,
        };
        exit as u8
    });
    ExitCode::from(code)
}

fn dispatch(command: &Command) -> anyhow::Result<u8> {
    let exit = match command {
        Command::Sweep(arguments) => sweep::run(arguments),
        Command::Measure(arguments) => measure::run(arguments),
        Command::Report(arguments) => report::run(arguments).map(|()| Exit::Success),
        Command::Compare(arguments) => Ok(if arguments.run(&mut Out)? { Exit::Success } else { Exit::Found }),
        Command::Validate(arguments) => {
            Ok(if arguments.run(&mut Out)? { Exit::Success } else { Exit::Found })
        }
        Command::Xray(arguments) => xray::run(arguments),
        Command::Paths => paths::run(),
        Command::Schema => schema::run(),
        Command::Agent(arguments) => agent(arguments),
        Command::Health(arguments) => health::run(arguments),
        Command::Doctor(arguments) => Ok(if arguments.run(&mut Out)? { Exit::Success } else { Exit::Unable }),
        Command::Link(arguments) => arguments.run(&mut Out).map(|()| Exit::Success),
        // The exit code of a command in a machine is the command's.
        Command::Vm(arguments) => return vm::run(arguments),
        Command::Completions { shell } => {
            // By way of memory: the generator panics where it cannot write.
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "copycost", &mut text);
            print(&String::from_utf8(text)?).map(|()| Exit::Success)
        }
        Command::Man => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            print(&String::from_utf8(text)?).map(|()| Exit::Success)
        }
    };
    exit.map(|exit| exit as u8)
}

fn agent(arguments: &AgentArgs) -> anyhow::Result<Exit> {
    // Namespaces first: the kernel lets only a process with one thread enter a user namespace.
    match (arguments.netns, arguments.beside) {
        (false, _) => {}
        (true, None) => drop(link::enter_new_netns()?),
        (true, Some(first)) => drop(link::join_user_ns_then_new_netns(first)?),
    }
    if arguments.inherited {
        serve::inherited()?;
    } else {
        let token = match &arguments.token_file {
            Some(path) => Token::read(path).map_err(UsageError)?,
            None => Token::default(),
        };
        serve::allowed(arguments.listen, &token).map_err(UsageError)?;
        serve::listen(arguments.listen, &token, arguments.pair_netns)?;
    }
    Ok(Exit::Success)
}
