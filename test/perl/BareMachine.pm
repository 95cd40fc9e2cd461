# BareMachine.pm: runs commands for the tests of the scripts: some almost without
# an environment, and some at a terminal, where a test can type Ctrl-C.
package BareMachine;

use strict;
use warnings;
use Exporter 'import';
use IO::Pty;
use IPC::Run ();
use POSIX ();
use PostgreSQL::Test::Utils;
use Time::HiRes qw(time usleep);

our @EXPORT = qw(bare run_bare at_terminal until_it_says type ended eventually);

# A command in an empty environment (env -i) plus the given NAME=VALUE. Builds in
# it make no bitcode, because that takes half of the time.
sub bare
{
	my ($environment, @command) = @_;

	return [ 'env', '-i', "PATH=$ENV{PATH}", 'HOME=/nonexistent', 'TERM=dumb', 'MAKEFLAGS=with_llvm=no',
		"TMPDIR=$ENV{TMPDIR}", @$environment, @command ];
}

# Runs it; returns its status and what it has written.
sub run_bare
{
	my ($environment, @command) = @_;

	IPC::Run::run(bare($environment, @command), '<', \'', '>', \my $out, '2>', \my $err);
	return ($? >> 8, $out, $err);
}

# Starts a command in a folder, at a terminal of its own.
sub at_terminal
{
	my ($folder, $command) = @_;
	my $terminal = IO::Pty->new;
	my $pid = fork() // die "fork: $!";

	if ($pid == 0)
	{
		chdir $folder or POSIX::_exit(126);
		$terminal->make_slave_controlling_terminal;
		my $slave = $terminal->slave;
		$slave->set_winsize(50, 200);
		POSIX::dup2(fileno $slave, $_) for 0 .. 2;
		# In the background a test is started with this signal ignored.
		$SIG{INT} = 'DEFAULT';
		{ exec @$command };
		POSIX::_exit(127);
	}
	$terminal->close_slave;
	return { terminal => $terminal, pid => $pid, said => '' };
}

# Reads the output of a command until a text appears, or to the end if no text is
# given. Returns whether that happened within five minutes.
sub until_it_says
{
	my ($run, $what) = @_;
	my $deadline = time() + 300;

	until (defined $what && $run->{said} =~ $what)
	{
		my $ready = '';
		vec($ready, fileno $run->{terminal}, 1) = 1;
		return 0 unless select $ready, undef, undef, $deadline - time() > 0 ? $deadline - time() : 0;
		# A terminal reports its end as an error.
		return !defined $what unless sysread $run->{terminal}, my $text, 65536;
		$run->{said} .= $text;
	}
	return 1;
}

# Types something, and forgets the output so far.
sub type
{
	my ($run, $text) = @_;

	$run->{said} = '';
	syswrite $run->{terminal}, $text;
	return;
}

# Waits for a command; returns its status as a shell would.
sub ended
{
	my ($run) = @_;

	until_it_says($run);
	kill KILL => $run->{pid} unless eventually(sub { waitpid($run->{pid}, POSIX::WNOHANG()) == $run->{pid} });
	return $? & 127 ? 128 + ($? & 127) : $? >> 8;
}

# Waits up to five minutes for something to become true; returns whether it has.
sub eventually
{
	my ($holds) = @_;
	my $deadline = time() + 300;

	while (time() < $deadline)
	{
		return 1 if $holds->();
		usleep(100_000);
	}
	return 0;
}

1;
