# Generated from the tables of the programs; see contrib/completions.

# Is the word at the cursor the first (1) or a later one (2) behind the options? $argv[2]: letters that take an argument.
function __hawser_at
    set -l seen 1
    set -l skip 0
    for word in (commandline -opc)[2..-1]
        if test $skip = 1
            set skip 0
        else if string match -qr -- "^-[^$argv[2]]*[$argv[2]]\$" $word
            set skip 1
        else if not string match -q -- '-*' $word
            set seen 2
        end
    end
    test $skip = 0 -a $seen = $argv[1]
end

function __hawser_hosts
    set -l words (commandline -opc)
    set -l config ''
    for i in (seq (count $words))
        if test "x$words[$i]" = x-F; and test $i -lt (count $words)
            set config $words[(math $i + 1)]
        else if string match -q -- '-F?*' $words[$i]
            set config (string sub -s 3 -- $words[$i])
        end
    end
    sh -c $__hawser_hosts_script hosts (string replace -r '^~/' $HOME/ -- "$config") 2>/dev/null
end

# The values of a kind; $argv[2] names the list of keywords.
function __hawser_value
    set -l ssh ssh
    set -l words (commandline -opc)
    string match -q '*/ssh' -- $words[1]; and set ssh $words[1]
    set -l what (string split -m 1 : -- $argv[1])
    set -l front ''
    set -l at (commandline -ct)
    switch $argv[1]
        case 'algs:*' 'words:*' hosts
            # An attached argument is offered whole, as fish wants it.
            set at (string replace -r '^-[A-Za-z]' '' -- $at)
            set front (string match -r '^(?:[^=]*=)?[+^-]?(?:.*,)?' -- $at)[1]
            set front (string replace -r '^[^=]*=' '' -- "$front")
        case userhost
            set front (string match -r '^(?:ssh://)?(?:.*@)?' -- $at)[1]
    end
    switch $argv[1]
        case 'word:*' 'words:*'
            string split , -- $what[2] | string replace -r '^' -- "$front"
        case 'alg:*' 'algs:*'
            $ssh -Q $what[2] 2>/dev/null | string replace -r '^' -- "$front"
        case query
            $ssh -Q help 2>/dev/null
        case host userhost hosts
            __hawser_hosts | string replace -r '^' -- "$front"
        case interface
            string replace -r '.*/' '' -- /sys/class/net/*
        case address
            ip -o addr 2>/dev/null | awk '{sub(/\/.*/, "", $4); print $4}'
        case user
            __fish_complete_users
        case file
            __fish_complete_path $at
        case command
            __fish_complete_command
        case conf
            __hawser_conf $argv[2]
    end
end

# Keyword= , and behind the sign the values that the keyword may have.
function __hawser_conf
    set -l at (string replace -r '^-o' '' -- (commandline -ct))
    set -l key (string match -r '^([^=]+)=' -- $at)[2]
    for pair in $$argv[1]
        set -l row (string split -m 1 = -- $pair)
        if test -z "$key"
            echo $row[1]=
        else if test (string lower -- $row[1]) = (string lower -- $key); and test -n "$row[2]"
            __hawser_value $row[2] | string replace -r '^' -- "$key="
        end
    end
end
