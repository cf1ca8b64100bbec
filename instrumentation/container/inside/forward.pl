# Loopback ports that lead to mounted unix sockets. Arguments: the folder, the ports.
use strict;
use warnings;
use Socket;

$SIG{CHLD} = 'IGNORE';
$SIG{PIPE} = 'IGNORE';

sub move_all {
    my ($source, $target) = @_;
    while (sysread($source, my $data, 65536)) {
        my $done = 0;
        while ($done < length $data) {
            my $wrote = syswrite($target, $data, length($data) - $done, $done);
            last unless $wrote;
            $done += $wrote;
        }
    }
    shutdown($target, 1);
}

my ($folder, $ports) = @ARGV;
my @listeners;
for my $port (split /,/, $ports) {
    socket(my $listener, PF_INET, SOCK_STREAM, 0) or exit 1;
    setsockopt($listener, SOL_SOCKET, SO_REUSEADDR, 1);
    bind($listener, sockaddr_in($port, INADDR_LOOPBACK)) or exit 1;
    listen($listener, 128) or exit 1;
    push @listeners, [$listener, "$folder/$port.sock"];
}
syswrite(STDOUT, "ready");
close STDOUT;
for my $one (@listeners[1 .. $#listeners]) {
    next if fork;
    @listeners = ($one);
    last;
}
my ($listener, $path) = @{$listeners[0]};
while (accept(my $inner, $listener)) {
    next if fork;
    close $listener;
    socket(my $outer, PF_UNIX, SOCK_STREAM, 0) or exit 1;
    connect($outer, sockaddr_un($path)) or exit 1;
    if (fork) { move_all($inner, $outer); wait; }
    else      { move_all($outer, $inner); }
    exit 0;
}
