# Lets `conda activate` work in every login. Nobody is put into an environment that he did not ask for.
. /opt/miniforge/etc/profile.d/conda.sh
