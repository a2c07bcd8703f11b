#!/usr/bin/perl
# Which counters a meta command moves, and that it moves no others.
use strict;
use warnings;
use Test::More;
use FindBin qw($Bin);
use lib "$Bin/lib";
use Server;

use constant COUNTERS => qw(cmd_get cmd_set cmd_flush cmd_touch cmd_meta get_hits get_misses get_expired get_flushed
    delete_misses delete_hits incr_misses incr_hits decr_misses decr_hits cas_misses cas_hits cas_badval
    touch_hits touch_misses store_too_large store_no_memory curr_items total_items);
use constant LONG => 'O' . 'x' x 32;

# Without the threads that would meet the expired item before the command does.
my $server = Server->start('-t 2 -o no_lru_maintainer,no_lru_crawler');
my $client = $server->client;
$client->stop_clock;

# Each on a cache with: n of 8, id 50; s of `text`, id 50; old, which has expired.
for my $row (
    # command                           counters
    ["mg n\r\n",                        'cmd_get get_hits'],
    ["mg n v k s t f h l c q\r\n",      'cmd_get get_hits'],
    ["mg n C50 v\r\n",                  'cmd_get get_hits'],
    ["mg n N9 E7\r\n",                  'cmd_get get_hits'],
    ["mg n u\r\n",                      'cmd_get get_hits'],
    ["mg none\r\n",                     'cmd_get get_misses'],
    ["mg none q\r\n",                   'cmd_get get_misses'],
    ["mg old v\r\n",                    'cmd_get get_misses get_expired -curr_items'],
    ["mg n T9\r\n",                     'cmd_touch touch_hits'],
    ["mg none T9\r\n",                  'cmd_get get_misses'],
    ["mg none N9\r\n",                  'cmd_get get_hits curr_items total_items'],
    ["mg none N9 T9\r\n",               'cmd_touch touch_hits curr_items total_items'],
    ["mg none z\r\n",                   ''],
    ["mg none !\r\n",                   ''],
    ["mg\r\n",                          ''],
    ['mg n ' . LONG . "\r\n",           ''],
    ['mg none N9 ' . LONG . "\r\n",     ''],
    ['mg ' . 'k' x 251 . "\r\n",        ''],
    ["ms none 1\r\nx\r\n",              'cmd_set curr_items total_items'],
    ["ms n 1\r\nx\r\n",                 'cmd_set total_items'],
    ["ms n 1 q\r\nx\r\n",               'cmd_set total_items'],
    ["ms n 1 ME\r\nx\r\n",              'cmd_set'],
    ["ms none 1 MR\r\nx\r\n",           'cmd_set'],
    ["ms n 1 MR\r\nx\r\n",              'cmd_set total_items'],
    ["ms n 1 MA\r\nx\r\n",              'cmd_set total_items'],
    ["ms none 1 MP\r\nx\r\n",           'cmd_set'],
    ["ms none 1 MP N0\r\nx\r\n",        'cmd_set curr_items total_items'],
    ["ms n 1 C50\r\nx\r\n",             'cmd_set cas_hits total_items'],
    ["ms n 1 C49\r\nx\r\n",             'cmd_set cas_badval'],
    ["ms n 1 C49 I\r\nx\r\n",           'cmd_set cas_hits total_items'],
    ["ms n 1 C51 I\r\nx\r\n",           'cmd_set cas_badval'],
    ["ms none 1 C50\r\nx\r\n",          'cmd_set cas_misses'],
    ["ms n 1 C49 MA\r\nx\r\n",          'cmd_set'],
    ["ms n 1\r\nxXX",                   'cmd_set'],
    ["ms n 1 z\r\nx\r\n",               ''],
    ["ms n x\r\n",                      ''],
    ['ms n 1 ' . LONG . "\r\nx\r\n",    ''],
    ["ms none 2000000\r\n" . 'x' x 2_000_000 . "\r\n", 'store_too_large'],
    ["ms n 2000000 ME q\r\n" . 'x' x 2_000_000 . "\r\n", 'store_too_large -curr_items'],
    ["md n\r\n",                        'delete_hits -curr_items'],
    ["md n q\r\n",                      'delete_hits -curr_items'],
    ["md n C50\r\n",                    'delete_hits -curr_items'],
    ["md n C49\r\n",                    'delete_misses'],
    ["md none\r\n",                     'delete_misses'],
    ["md none q\r\n",                   'delete_misses'],
    ["md old\r\n",                      'delete_misses get_expired -curr_items'],
    ["md n I\r\n",                      ''],
    ["md n x\r\n",                      'delete_hits total_items'],
    ["md none I\r\n",                   'delete_misses'],
    ["md n z\r\n",                      ''],
    ['md n ' . LONG . "\r\n",           ''],
    ["ma n\r\n",                        'incr_hits'],
    ["ma n q v t T9 E7\r\n",            'incr_hits'],
    ["ma n C50 D5\r\n",                 'incr_hits total_items'],
    ["ma n MD\r\n",                     'decr_hits'],
    ["ma none\r\n",                     'incr_misses'],
    ["ma none MD\r\n",                  'decr_misses'],
    ["ma none N0\r\n",                  'curr_items total_items'],
    ["ma old\r\n",                      'incr_misses get_expired -curr_items'],
    ["ma n C49\r\n",                    ''],
    ["ma n Dx\r\n",                     ''],
    ["ma s\r\n",                        ''],
    ["ma n Mx\r\n",                     ''],
    ['ma n ' . LONG . "\r\n",           ''],
    ['ma none N0 ' . LONG . "\r\n",     ''],
    ["me n\r\n",                        'cmd_meta'],
    ["me none\r\n",                     'cmd_meta'],
    ["me old\r\n",                      'cmd_meta get_expired -curr_items'],
    ["me n !\r\n",                      ''],
    ["me Zm9 b\r\n",                    ''],
    ["me\r\n",                          ''],
    ["mn\r\n",                          ''],
    ["mx a\r\n",                        ''],
) {
    my ($command, $moves) = @$row;
    $client->send("md n q\r\nms n 1 q E50 F9\r\n8\r\nms s 4 q E50\r\ntext\r\nmd none q\r\n"
        . "ms old 1 q T-1\r\nx\r\nmn\r\n");
    $client->read_until("MN\r\n");
    my $before = $client->stats;
    $client->send("${command}mn\r\n");
    $client->read_until("MN\r\n");
    $client->read_until("MN\r\n") if $command eq "mn\r\n";
    my $after = $client->stats;
    is(moved($before, $after), in_order($moves),
        Client::visible(substr $command, 0, 60) . ' moves ' . ($moves || 'nothing'));
}

# Many at once add up.
my $before = $client->stats;
$client->send(("mg n q\r\nmg none q\r\nms n 1 q\r\n1\r\nma n q\r\nmd none q\r\nme none\r\n") x 100 . "mn\r\n");
$client->read_until("MN\r\n");
my $after = $client->stats;
is($after->{$_} - $before->{$_}, 100, "a hundred of each are a hundred $_")
    for qw(get_hits get_misses cmd_set incr_hits delete_misses cmd_meta);
is($after->{cmd_get} - $before->{cmd_get}, 200, '... and two hundred cmd_get');

done_testing;

# The counters that differ, with a minus if they fell, with a factor if by more than one.
sub moved {
    my ($before, $after) = @_;
    my @moved;
    for my $counter (COUNTERS) {
        my $by = $after->{$counter} - $before->{$counter};
        push @moved, ($by < 0 ? '-' : '') . (abs $by == 1 ? '' : abs($by) . '*') . $counter if $by;
    }
    return "@moved";
}

sub in_order {
    my ($moves) = @_;
    my %given = map { s/^-//r => $_ } split ' ', $moves;
    return join ' ', map { $given{$_} // () } COUNTERS;
}
