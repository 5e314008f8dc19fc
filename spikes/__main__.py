from spikes.cli import main

main()
