# Writes the files of an escript, a text and then a zip, to a directory: byte code that has to be unpacked at each start takes
# seconds to load.
use strict;
use warnings;

use File::Basename qw(dirname);
use File::Path qw(make_path);
use IO::Uncompress::Unzip qw($UnzipError);

my ($script, $directory) = @ARGV;
local $/;
open my $in, '<:raw', $script or die "$script: $!\n";
my $bytes = <$in>;
my $zip = substr $bytes, index $bytes, "PK\x03\x04";
my $entry = IO::Uncompress::Unzip->new(\$zip) or die "$script: $UnzipError\n";
my $more = 1;
while ($more > 0) {
    my $name = $entry->getHeaderInfo->{Name};
    die "$script: $name\n" if $name =~ m{(^|/)\.\.(/|$)|^/};
    if ($name !~ m{/$}) {
        make_path(dirname("$directory/$name"));
        open my $out, '>:raw', "$directory/$name" or die "$name: $!\n";
        print {$out} scalar <$entry> or die "$name: $!\n" unless $entry->eof;
        close $out or die "$name: $!\n";
    }
    $more = $entry->nextStream;
}
die "$script: $UnzipError\n" if $more < 0;
