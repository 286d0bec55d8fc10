# Takes out of the named files of byte code, in place, what only debuggers read. Attributes of modules stay: they tell boot
# steps and feature flags. A file is an IFF: FOR1, length, BEAM, and chunks, each a name, a length and padded content.
use strict;
use warnings;

my %kept = map { $_ => 1 } qw(Atom AtU8 Attr Code ExpT FunT ImpT Line LitT Meta StrT Type);

for my $file (@ARGV) {
    local $/;
    open my $in, '<:raw', $file or die "$file: $!\n";
    my $bytes = <$in>;
    my ($form, $length, $kind) = unpack 'a4 N a4', $bytes;
    die "$file is no plain byte code\n" unless $form eq 'FOR1' && $kind eq 'BEAM' && $length + 8 == length $bytes;
    my ($at, $chunks) = (12, '');
    while ($at < length $bytes) {
        my ($name, $size) = unpack 'a4 N', substr $bytes, $at, 8;
        my $whole = 8 + 4 * int(($size + 3) / 4);
        $chunks .= substr $bytes, $at, $whole if $kept{$name};
        $at += $whole;
    }
    open my $out, '>:raw', $file or die "$file: $!\n";
    print {$out} pack('a4 N a4', 'FOR1', 4 + length $chunks, 'BEAM') . $chunks or die "$file: $!\n";
    close $out or die "$file: $!\n";
}
